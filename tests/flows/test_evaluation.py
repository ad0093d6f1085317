from contextlib import nullcontext

import pytest

from flows import evaluation as module
from flows.evaluation import evaluation
from flows.plan.plan import PlanChanges
from models.methods import Farm3DConfig, MagicPonyConfig


@pytest.fixture
def asked(monkeypatch):
    """The plans that were trained, and what was measured together."""
    trained, measured = [], []
    monkeypatch.setattr(module, "pin_dataset", lambda plan: nullcontext("crops"))
    monkeypatch.setattr(module, "training", lambda plan, crops: trained.append(plan) or f"run of {plan.method.kind}")
    monkeypatch.setattr(module, "evaluate", lambda models, crops, *_: measured.extend(models) or models[0])
    return trained, measured


def test_with_and_without_distillation_are_measured_together(asked):
    assert evaluation.fn("cow", "smoke") == "run of farm3d"
    assert asked[1] == ["run of farm3d", "run of magicpony"]


def test_the_two_differ_in_the_method_alone(asked):
    evaluation.fn("cow", "smoke", changes=PlanChanges(method={"training": {"seed": 7}}))
    (with_sds, without), _ = asked
    assert isinstance(with_sds.method, Farm3DConfig) and isinstance(without.method, MagicPonyConfig)
    assert with_sds.model_copy(update={"method": without.method}) == without
    assert with_sds.method.training == without.method.training and without.method.training.seed == 7


def test_crops_are_cut_for_the_method_that_reads_the_largest(asked, monkeypatch):
    held_out = []
    monkeypatch.setattr(module, "evaluate", lambda models, crops, truth, cut, *_: held_out.append(cut) or models[0])
    evaluation.fn("cow", "laptop", methods=("farm3d", "smplify"))
    assert [plan.method.resolution for plan in asked[0]] == [96, 128]
    assert held_out[0] == asked[0][0].held_out.model_copy(update={"size": 128})


def test_one_method_is_trained_once(asked):
    trained, measured = asked
    evaluation.fn("cow", "smoke", methods=("magicpony",))
    assert len(trained) == 1 and measured == ["run of magicpony"]


def test_an_unknown_method_is_refused_before_any_is_trained(asked):
    with pytest.raises(ValueError, match="method 'farm4d' is unknown"):
        evaluation.fn("cow", "smoke", methods=("farm3d", "farm4d"))
    assert asked == ([], [])
