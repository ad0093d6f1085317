from flows import refresh as module
from flows.plan import PlanChanges
from flows.refresh import refresh


def test_it_asks_for_more_than_there_are(monkeypatch):
    monkeypatch.setattr(module, "in_newest", lambda root, category, recipe: 37)
    monkeypatch.setattr(module, "dataset", lambda plan: plan)
    plan = refresh.fn("horse", "smoke", more=5)
    assert (plan.category.name, plan.images) == ("horse", 42)


def test_it_continues_the_recipe_of_its_scale(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "in_newest", lambda root, category, recipe: seen.append(recipe) or 0)
    monkeypatch.setattr(module, "dataset", lambda plan: plan)
    plan = refresh.fn("cow", "smoke", more=5, changes=PlanChanges(crop=64))
    assert seen == [plan.crop_recipe] and plan.crop == 64
