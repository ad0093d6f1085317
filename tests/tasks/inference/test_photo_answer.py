import numpy as np
import pytest

from models.data.framing import crop_animal
from models.export.photo_coat import PhotoCoated
from models.rendering import ReferenceConfig
from storage.runs.releases import published_releases
from storage.store.layout import Store
from tasks.inference import select
from tasks.inference.photo_answer import answer_photo, describe_origin, dress_answer
from tests.models.cloud import Cloud
from tests.tasks.inference.test_select import large
from tests.tasks.material import Red


@pytest.fixture(autouse=True)
def _red(monkeypatch):
    monkeypatch.setattr(select, "cached_model", lambda config, where: Red())


def test_a_fitted_animal_wears_its_photo_in_the_photos_own_pixels(release):
    (found,) = answer_photo(large(1), select.select_model("cow", release.root), "cpu")
    assert isinstance(found.reconstruction, PhotoCoated)
    size = found.reconstruction.photo.color.shape[1]
    assert size > 100, "the crop that the model reads is smaller"
    asset = found.asset(64)
    assert asset.coverage is not None and asset.texture.shape == (64, 64, 3)
    assert asset.origin["licence"] == "CC0-1.0; the coat is the photo's own, on its owner's terms"


def test_an_animal_as_it_was_predicted_keeps_its_predicted_coat(release):
    (predicted,) = answer_photo(large(1), select.select_model("cow", release.root), "cpu", refine=False)
    assert not isinstance(predicted.reconstruction, PhotoCoated)
    asset = predicted.asset(32)
    assert asset.coverage is None
    (published,) = published_releases(Store(release.root), "cow")
    weights = f"animal {published.about.weights['animal']}"
    assert asset.origin == {"licence": "CC0-1.0", "lineage": f"cow/{release.run}", "model": weights}


def test_an_animal_of_the_taught_quadruped_names_it_and_its_weights(tmp_path):
    selected = select.select_model("cow", str(tmp_path))
    origin = describe_origin(selected, is_dressed=False)
    assert origin["lineage"] == "taught-quadruped"
    assert f"warm_start {selected.recipe.weights_digests['warm_start']}" in origin["model"]


def test_an_animal_is_where_it_was_without_its_coat(release, monkeypatch):
    ours = answer_photo(large(1), select.select_model("cow", release.root), "cpu")[0].reconstruction
    monkeypatch.setattr("tasks.inference.photo_answer.dress_answer", lambda reconstruction, *_: reconstruction)
    bare = answer_photo(large(1), select.select_model("cow", release.root), "cpu")[0].reconstruction
    assert isinstance(ours, PhotoCoated) and not isinstance(bare, PhotoCoated)
    np.testing.assert_array_equal(ours.mesh(0).vertices, bare.mesh(0).vertices)


def test_an_answer_without_a_coat_to_change_stays_as_it_is():
    photo = large(1)
    cloud, crop = Cloud(), crop_animal(photo, np.ones(photo.shape[:2], bool), 32)
    assert dress_answer(cloud, ReferenceConfig().build("cpu"), photo, crop) is cloud


def test_each_animal_of_a_photo_is_answered_as_if_it_were_alone(release, monkeypatch):
    one, chosen = large(1), select.select_model("cow", release.root)
    (alone,) = answer_photo(one, chosen, "cpu", refine=False)
    (likeliest,) = answer_photo(one, chosen, "cpu", refine=False, only_likeliest=True)
    np.testing.assert_array_equal(alone.reconstruction.mesh(0).vertices, likeliest.reconstruction.mesh(0).vertices)
    boxes = [crop_animal(one, np.roll(np.eye(*one.shape[:2], dtype=bool), 40 * side, 1), 32) for side in (0, 1)]
    monkeypatch.setattr("tasks.inference.photo_answer.crop_animals", lambda *_: boxes)
    both = answer_photo(one, chosen, "cpu", refine=False)
    assert len(answer_photo(one, chosen, "cpu", refine=False, only_likeliest=True)) == 1
    monkeypatch.setattr("tasks.inference.photo_answer.crop_animals", lambda *_: boxes[1:])
    (second,) = answer_photo(one, chosen, "cpu", refine=False)
    np.testing.assert_array_equal(both[1].reconstruction.mesh(0).vertices, second.reconstruction.mesh(0).vertices)
    assert len(both) == 2
