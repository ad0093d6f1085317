import io

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from models.core.errors import MissingModel
from storage.runs.releases import Release
from tasks.inference import sampling
from tasks.inference.sampling import SHEET, colour_glb, sample_animals, sheet
from tests.models.cloud import Cloud
from tests.models.methods.meshinversion.material import SMOKE, setting, trained


class Plain:
    """Answers photos alone."""

    def predict(self, batch):
        raise AssertionError


@pytest.fixture
def released(monkeypatch, tmp_path):
    """A release of one method, and what is loaded of it."""

    def publish(method, loaded):
        about = type("About", (), {"method": method})
        release = Release.__new__(Release)
        object.__setattr__(release, "ref", type("Ref", (), {"run": "run", "category": "cow"}))
        object.__setattr__(release, "about", about)
        monkeypatch.setattr(sampling, "select_release_of_each_method", lambda store, category: {method: release})
        monkeypatch.setattr(sampling, "reconstructor", lambda model, where: loaded)
        return str(tmp_path)

    return publish


def test_samples_are_coloured_surfaces_and_a_sheet_of_them(released):
    root = released("meshinversion", SMOKE.load(trained(), setting()))
    contents = sample_animals("meshinversion/cow", 5, 0, 32, root, "cpu")
    assert list(contents) == [SHEET, *(f"cow-{number}.glb" for number in range(1, 6))]
    picture = np.asarray(Image.open(io.BytesIO(contents[SHEET])))
    assert picture.shape == (2 * 32, 4 * 32, 3) and picture[40:, 40:].min() > 200, "three places are empty"
    mesh = trimesh.load(io.BytesIO(contents["cow-2.glb"]), file_type="glb", force="mesh", process=False)
    assert mesh.is_watertight and mesh.visual.vertex_colors.shape == (len(mesh.vertices), 4)


def test_another_method_is_one_sentence(released):
    root = released("meshrcnn", Plain())
    with pytest.raises(
        ValueError, match="method meshrcnn answers photos and makes no samples; take .* meshinversion/cow"
    ):
        sample_animals("meshrcnn/cow", 1, 0, 32, root, "cpu")


def test_a_method_without_a_release_says_what_makes_one(released, tmp_path):
    root = released("meshrcnn", Plain())
    says = "no release of method 'meshinversion' of 'cow', there are those of meshrcnn; .*run meshinversion/cow`"
    with pytest.raises(MissingModel, match=says):
        sample_animals("meshinversion/cow", 1, 0, 32, root, "cpu")


def test_colours_stand_at_the_vertices_that_they_are_of():
    ours = SMOKE.load(trained(), setting()).sample(2, 0)
    ours.colour[1] = torch.tensor((1.0, -1.0, 0.0))[:, None, None]
    mesh = trimesh.load(io.BytesIO(colour_glb(ours, 1)), file_type="glb", force="mesh", process=False)
    assert (mesh.visual.vertex_colors[:, :3] == (255, 0, 128)).all()


def test_what_has_no_surface_or_no_picture_is_refused():
    class Nothing(Cloud):
        pass

    with pytest.raises(ValueError, match="animal 1 of 1 has no surface; give another seed"):
        colour_glb(Nothing(), 0)
    with pytest.raises(ValueError, match="a Nothing cannot be drawn; take another method"):
        sheet(Nothing(), 16)
