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


def test_the_posed_surface_is_the_predicted_one_in_metres_on_the_ground(
    made: Asset, animals: AnimalReconstruction
) -> None:
    expected = animals.mesh(1).vertices[0].numpy()[animals.mesh(1).faces.numpy()]
    corners = made.posed[made.faces]
    sides = [np.linalg.norm(np.roll(triangles, 1, 1) - triangles, axis=-1) for triangles in (corners, expected)]
    scale = sides[0].sum() / sides[1].sum()
    np.testing.assert_allclose(sides[0], scale * sides[1], atol=1e-5)
    assert corners[..., 1].min() == pytest.approx(0, abs=1e-9)


def test_the_pose_of_the_photo_is_a_clip(made: Asset) -> None:
    clip = made.clips["photo"]
    error = np.linalg.norm(skinned(made, clip.rotations[0], clip.shifts[0]) - made.posed, axis=1)
    assert np.sqrt((error**2).mean()) < 0.5 * np.sqrt(((made.vertices - made.posed) ** 2).sum(1).mean())


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


def test_an_animal_that_does_not_bend_yet_has_all_clips(animals: AnimalReconstruction) -> None:
    unbent = replace(animals, prediction=replace(animals.prediction, angles=None))
    stiff = asset(unbent, animals.renderer, 0, "cow", texture=32)
    assert set(stiff.clips) >= {"idle", "walk", "trot", "graze", "photo"}
    assert all(np.isfinite(clip.rotations).all() for clip in stiff.clips.values())
