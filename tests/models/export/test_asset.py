"""What is exported is what was predicted: pose, colour, rig."""

import numpy as np
import pytest
import torch

from models.core.category import Skeleton
from models.data.batch import Batch
from models.export.asset import Asset, asset, bone_names
from models.methods.magicpony.reconstruction import AnimalReconstructor
from models.methods.magicpony.state import Prediction
from storage.formats import meshes
from storage.formats.glb import glb


@pytest.fixture(scope="module")
def prediction(reconstructor: AnimalReconstructor, crops: Batch) -> Prediction:
    return reconstructor.predict(crops)


@pytest.fixture(scope="module")
def made(reconstructor: AnimalReconstructor, prediction: Prediction) -> Asset:
    return asset(reconstructor, prediction, 1, "cow", texture=256)


def test_skinning_the_file_gives_the_predicted_pose(made: Asset, prediction: Prediction) -> None:
    posed = meshes.skinned(meshes.Asset(**vars(made)), made.pose)
    expected = prediction.mesh.vertices[1].numpy()
    faces = prediction.mesh.faces.numpy()
    np.testing.assert_allclose(posed[made.faces], expected[faces], atol=1e-4)


def test_the_texture_is_the_albedo(made: Asset, prediction: Prediction, reconstructor: AnimalReconstructor) -> None:
    centres = prediction.prior[prediction.mesh.faces].mean(1)
    image = torch.zeros(len(centres), dtype=torch.int64)
    wanted = 255 * reconstructor.animal.albedo(centres, prediction.texture_code[1:2], image).detach().numpy()
    column, row = np.minimum((made.uv[made.faces].mean(1) * 256).astype(int), 255).T
    assert np.abs(made.texture[row, column] - wanted).mean() < 4


def test_every_array_is_ready_for_a_file(made: Asset) -> None:
    np.testing.assert_allclose(np.linalg.norm(made.normals, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(made.weights.sum(1), 1, atol=1e-5)
    turns = made.T_world_bone[:, :3, :3]
    np.testing.assert_allclose(turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-6)
    assert (np.linalg.det(turns) > 0).all()
    assert glb(meshes.Asset(**vars(made)))[:4] == b"glTF"


def test_an_animal_that_does_not_bend_yet_stands_in_its_bind_pose(
    reconstructor: AnimalReconstructor, prediction: Prediction
) -> None:
    from dataclasses import replace

    stiff = asset(reconstructor, replace(prediction, angles=None), 0, "cow", texture=32)
    np.testing.assert_array_equal(stiff.pose, np.tile((0, 0, 0, 1), (20, 1)))


def test_bones_are_named_in_the_order_of_the_skeleton() -> None:
    names = bone_names(Skeleton())
    assert len(set(names)) == 20
    assert (names[0], names[3], names[4], names[8], names[10]) == (
        "front_spine_4",
        "front_spine_1",
        "rear_spine_4",
        "left_fore_foot",
        "left_fore_thigh",
    )
    assert len(bone_names(Skeleton(legs=0))) == 8
