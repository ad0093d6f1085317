"""What is exported is what was predicted: pose, colour, rig."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.data.batch import Batch
from models.export.asset import Asset, asset
from models.methods.magicpony.reconstruction import AnimalReconstruction, AnimalReconstructor
from storage.formats.glb import glb
from tests.storage.tube import skinned


@pytest.fixture(scope="module")
def animals(reconstructor: AnimalReconstructor, crops: Batch) -> AnimalReconstruction:
    return reconstructor.predict(crops)


@pytest.fixture(scope="module")
def made(animals: AnimalReconstruction) -> Asset:
    return asset(animals, animals.renderer, 1, "cow", texture=256)


def test_skinning_the_file_gives_the_predicted_pose(made: Asset, animals: AnimalReconstruction) -> None:
    expected = animals.mesh(1).vertices[0].numpy()
    faces = animals.mesh(1).faces.numpy()
    np.testing.assert_array_equal(made.posed[made.faces], expected[faces])
    np.testing.assert_allclose(skinned(made, made.pose), made.posed, atol=1e-4)


def test_the_texture_is_the_albedo(made: Asset, animals: AnimalReconstruction) -> None:
    centres = animals.canonical()[animals.mesh(1).faces].mean(1)
    image = torch.ones(len(centres), dtype=torch.int64)
    wanted = 255 * animals.albedo(centres, image).detach().numpy()
    column, row = np.minimum((made.uv[made.faces].mean(1) * 256).astype(int), 255).T
    assert np.abs(made.texture[row, column] - wanted).mean() < 4


def test_every_array_is_ready_for_a_file(made: Asset) -> None:
    np.testing.assert_allclose(np.linalg.norm(made.normals, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(made.weights.sum(1), 1, atol=1e-5)
    turns = made.T_world_bone[:, :3, :3]
    np.testing.assert_allclose(turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-6)
    assert (np.linalg.det(turns) > 0).all()
    assert glb(made)[:4] == b"glTF"


def test_an_animal_that_does_not_bend_yet_stands_in_its_bind_pose(animals: AnimalReconstruction) -> None:
    unbent = replace(animals, prediction=replace(animals.prediction, angles=None))
    stiff = asset(unbent, animals.renderer, 0, "cow", texture=32)
    np.testing.assert_array_equal(stiff.pose, np.tile((0, 0, 0, 1), (20, 1)))


def test_bones_of_the_file_are_those_of_the_rig(made: Asset, animals: AnimalReconstruction) -> None:
    assert made.bones == animals.bone_names()
    assert made.parents == animals.rig().parents
    seconds, turns = made.clips["walk"]
    assert turns.shape == (len(seconds), len(made.bones), 4)
    np.testing.assert_allclose(turns[0], turns[-1], atol=1e-5)
