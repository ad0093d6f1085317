import pytest

from flows import compare as module
from flows.compare import compare, pin_methods
from models.core.category import BarnyardTruth
from storage.dataset.pins import living_pins
from storage.store.layout import Store
from tests.storage.material import publish


@pytest.fixture
def root(tmp_path):
    store = Store(str(tmp_path))
    publish(store, "small", method="farm3d", scale="smoke")
    publish(store, "large", method="farm3d", scale="laptop")
    publish(store, "fitted", method="smplify", scale="smoke")
    return store.root


def test_one_release_of_each_method_is_compared_on_the_animals_of_the_category(root, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "compare_methods", lambda *given: asked.append(given) or "page")
    assert compare.fn("cow", root) == "page"
    ((models, crops, truth, settings, device),) = asked
    assert {name: model.run for name, model in models.items()} == {"farm3d": "large", "smplify": "fitted"}
    assert (crops.category, crops.snapshot, truth, device) == ("cow", 1, BarnyardTruth(), "auto")
    assert settings.scenes == 30


def test_further_releases_stand_beside_those_of_their_methods_under_their_own_names(root):
    with pin_methods("cow", root, ("small", "large")) as (models, _, _):
        assert {name: model.run for name, model in models.items()} == {
            "farm3d": "large", "smplify": "fitted", "small": "small",
        }  # fmt: skip
    with (
        pytest.raises(ValueError, match="has no release tiny of cow; choose among small, large, fitted"),
        pin_methods("cow", root, ("tiny",)),
    ):
        pass


def test_nothing_is_pruned_while_methods_are_compared(root):
    with pin_methods("cow", root):
        assert len(living_pins(root, "cow")[0]) == 1
    assert living_pins(root, "cow") == ([], [])


def test_a_category_without_a_release_is_told_what_makes_one(tmp_path):
    with (
        pytest.raises(ValueError, match="has no release of sheep.*`farm3d run sheep`"),
        pin_methods("sheep", str(tmp_path)),
    ):
        pass
    with pytest.raises(ValueError, match="'dragon' is unknown"), pin_methods("dragon", str(tmp_path)):
        pass
