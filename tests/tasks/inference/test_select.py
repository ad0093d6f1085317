import numpy as np
import pytest

from models.core.errors import MissingModel, NothingKept
from storage.formats.glb import glb
from tasks.inference import select as module
from tasks.inference.select import answer, answering, cropped
from tests.tasks.material import CROPS, Drawn, Red


@pytest.fixture(autouse=True)
def _red(monkeypatch):
    monkeypatch.setattr(module, "loaded", lambda config, where: Red())


def large(seed):
    """A wide photo of a drawn animal."""
    return np.pad(np.kron(Drawn().draw(seed, blank=False), np.ones((3, 3, 1), np.uint8)), ((0, 0), (30, 30), (0, 0)))


def test_a_photo_of_any_size_becomes_an_animal(release):
    found = answer(large(1), "cow", release.root, "cpu")
    assert glb(found.asset(32))[:4] == b"glTF"
    assert found.film("turntable", 32, 3).shape == (3, 32, 32, 3)


def test_the_animal_fills_its_crop_as_in_training(release):
    crop = cropped(large(1), CROPS, "cpu:0")
    assert crop.mask.mean() == pytest.approx(0.25, abs=0.05)


def test_a_photo_without_an_animal_is_refused(release):
    with pytest.raises(NothingKept, match="no cow was found in the photo; give one that shows the whole animal"):
        answer(np.full((60, 60, 3), 90, np.uint8), "cow", release.root, "cpu")


def test_without_a_model_it_says_how_to_get_one(tmp_path):
    with pytest.raises(MissingModel, match="no model of 'horse' was published; train one with `farm3d run horse`"):
        answer(large(1), "horse", str(tmp_path), "cpu")


def test_a_release_is_asked_by_its_name(release):
    assert answering("cow/tiny", release.root) == answering("cow", release.root)
    with pytest.raises(MissingModel, match="no model of 'cow/large' was published; choose among tiny"):
        answering("cow/large", release.root)
