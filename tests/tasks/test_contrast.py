"""Two methods as unlike as there are stand on one page, and nothing is measured twice."""

import json

import pytest

from models.core.category import BarnyardTruth, NoTruth
from models.methods import SmplifyConfig
from models.rendering import ReferenceConfig
from storage.runs.scores import START, decode_scores
from storage.store import bundles, layout
from storage.store.layout import Store
from tasks import contrast as module
from tasks.contrast import ComparisonConfig, compare_methods
from tasks.runtime.cost import Cost
from tasks.runtime.recipes import ModelRecipe
from tests.tasks.material import CONFIG, COW, trained

SETTINGS = ComparisonConfig(scenes=2, shown=1, panel=16, evaluation=CONFIG)


@pytest.fixture
def methods(crops, model, monkeypatch, tmp_path):
    """A tiny MagicPony that reads 32 px, SMPLify that reads 128; the comparison lies elsewhere, and costs nothing."""
    method = SmplifyConfig.preset("smoke")
    digests = {name: part.digest() for name, part in method.parts.items()}
    recipe = ModelRecipe(category=COW, method=method, weights_digests=digests, renderer=ReferenceConfig())
    monkeypatch.setattr(layout, "comparison", lambda root, category: str(tmp_path / "comparison"))
    monkeypatch.setattr(module, "SHAPES", 2)
    return {"magicpony": model, "smplify": trained(Store(crops.root).model("cow", "fitted"), crops, recipe)}


@pytest.fixture
def timed(monkeypatch):
    """What was timed: the run, whether it was refined, and the sizes of its photos."""
    asked = []

    def measure(model, refine, photos, where):
        asked.append((model.run, refine, {photo.image.shape for photo in photos}))
        return Cost(1, 2, 1)

    monkeypatch.setattr(module, "measure_cost", measure)
    return asked


def test_methods_of_unlike_sizes_answer_the_same_animals(methods, timed, crops, tmp_path):
    page = compare_methods.fn(methods, crops, BarnyardTruth(), SETTINGS, "cpu")
    assert page == str(tmp_path / "comparison" / "comparison.html")
    scores = decode_scores(bundles.read(str(tmp_path / "comparison"), "scores.json"), "")
    chamfer = {score.method: score.count for score in scores if score.metric == "Chamfer distance"}
    assert list(chamfer) == [
        "magicpony", "magicpony, refined", "smplify", f"magicpony, {START}",
        "unit sphere", "mean ellipsoid", "mean mesh",
    ]  # fmt: skip
    assert set(chamfer.values()) == {2}
    assert timed == [
        ("tiny", False, {(1, 32, 32, 3)}), ("tiny", True, {(1, 32, 32, 3)}), ("fitted", False, {(1, 128, 128, 3)}),
    ]  # fmt: skip
    facts = json.loads(bundles.read(str(tmp_path / "comparison"), "facts.json"))["facts"]
    by_name = {row.pop("what"): row for row in facts}
    assert by_name["texture of its own"]["smplify"] == "–"
    assert by_name["seconds a photo"] == {"magicpony": "1.00", "magicpony, refined": "1.00", "smplify": "1.00"}
    assert set(by_name["rigged GLB"].values()) == {"yes"}


def test_without_truth_generated_photos_are_asked_about_and_a_comparison_is_made_once(methods, timed, crops, tmp_path):
    only = {"magicpony": methods["magicpony"]}
    for _ in range(2):
        compare_methods.fn(only, crops, NoTruth(), SETTINGS, "cpu")
    assert len(timed) == 2
    facts = json.loads(bundles.read(str(tmp_path / "comparison"), "facts.json"))
    assert facts["measured on"] == "generated photos"
    compare_methods.fn(only, crops, NoTruth(), SETTINGS.model_copy(update={"panel": 17}), "cpu")
    assert len(timed) == 4
