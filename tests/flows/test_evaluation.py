from contextlib import nullcontext

import pytest

from flows import evaluation as module
from flows.evaluation import evaluation
from flows.plan.plan import Plan, PlanChanges
from models.methods import Farm3DConfig, MagicPonyConfig


@pytest.fixture
def asked(monkeypatch):
    """What was trained, and what was measured together."""
    trained, measured = [], []
    monkeypatch.setattr(module, "pinned", lambda plan: nullcontext("crops"))
    monkeypatch.setattr(Plan, "model", lambda plan, crops: f"run of {plan.method.kind}")
    monkeypatch.setattr(module, "train", lambda ref, crops, recipe, device: trained.append(recipe) or ref)
    monkeypatch.setattr(module, "evaluate", lambda models, crops, *_: measured.extend(models) or models[0])
    evaluation.fn("cow", "smoke")
    return trained, measured


def test_with_and_without_distillation_are_measured_together(asked):
    assert asked[1] == ["run of farm3d", "run of magicpony"]


def test_the_two_differ_in_the_method_alone(asked):
    (with_sds, without), _ = asked
    assert isinstance(with_sds.method, Farm3DConfig) and isinstance(without.method, MagicPonyConfig)
    assert with_sds.model_copy(update={"method": without.method}) == without


def test_a_plan_without_a_teacher_is_trained_once(monkeypatch, asked):
    trained, _ = asked
    trained.clear()
    evaluation.fn("cow", "smoke", changes=PlanChanges(method={"kind": "magicpony"}))
    assert len(trained) == 1
