import numpy as np
import pytest
from PIL import Image

from models.core.errors import MissingModel, NothingKept
from models.core.weights import REPOSITORY
from storage.formats.glb import glb
from tasks.inference import select as module
from tasks.inference.select import QUADRUPED, answer, cropped, select_model
from tests.tasks.material import CROPS, Drawn, Red


@pytest.fixture(autouse=True)
def _red(monkeypatch):
    monkeypatch.setattr(module, "cached_model", lambda config, where: Red())


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


def test_without_a_release_the_embedded_quadruped_answers_and_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.undo()
    photo = np.asarray(Image.open(REPOSITORY / "samples" / "horse.jpg"))
    found = answer(photo, "horse", str(tmp_path), "cpu", refine=False)
    side_on = abs(found.prediction.camera.azimuth.sin().item())
    assert found.name == "horse" and side_on > 0.9
    assert "embedded quadruped answers: no model of 'horse' was published" in caplog.text
    assert "train one with `farm3d run horse`" in caplog.text
    assert len(caplog.records) == 1 and "\n" not in caplog.text.strip()


def test_a_named_run_is_never_answered_by_another_model(tmp_path):
    assert select_model("horse", str(tmp_path)).name == QUADRUPED
    with pytest.raises(MissingModel, match="no model of 'horse/laptop-1' was published; train one with `farm3d run ho"):
        select_model("horse/laptop-1", str(tmp_path))


def test_a_release_is_asked_by_its_name(release):
    assert select_model("cow/tiny", release.root) == select_model("cow", release.root)
    with pytest.raises(MissingModel, match="no model of 'cow/large' was published; choose among tiny"):
        select_model("cow/large", release.root)
