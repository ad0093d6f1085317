from flows import magicpony as module
from flows.magicpony import magicpony
from flows.plan.plan import PlanChanges, load_plan
from models.methods import MagicPonyConfig


def told(monkeypatch, **parameters):
    """The plan that the story is told of."""
    monkeypatch.setattr(module, "story", lambda plan: plan)
    return magicpony.fn("cow", "smoke", **parameters)


def test_it_shares_the_pictures_of_farm3d_and_asks_no_teacher(monkeypatch):
    plan, farm3d = told(monkeypatch), load_plan("cow", "smoke")
    assert plan.crop_recipe == farm3d.crop_recipe and plan.training == farm3d.training
    assert plan.method == farm3d.method.reconstruction and not plan.method.needs_teacher


def test_its_method_can_be_changed(monkeypatch):
    plan = told(monkeypatch, changes=PlanChanges(method={"kind": "magicpony", "hypothesis": 0.5}))
    assert isinstance(plan.method, MagicPonyConfig) and plan.method.hypothesis.at(0.0) == 0.5
