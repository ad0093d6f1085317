"""A pose of the skeleton is found again from the surface it gives."""

import numpy as np

from models.export.limbs import Pose, rotation_x, rotation_y
from models.export.motions import carry
from models.export.photo_pose import fit_pose
from tests.models.export.farm_animals import rigged


def test_a_pose_is_found_again() -> None:
    animal = rigged("horse")
    turns = {"neck_01": rotation_x(np.array((0.4,))), "head": rotation_y(np.array((0.3,)))}
    wanted: Pose = carry(animal.body, np.array(((0.05, 0.1, -0.2),)), turns)
    for limb in animal.armature.limbs:
        for bone in limb.bones:
            wanted.attach(animal.armature, bone, rotation_x(np.array((0.3 * limb.side,))))
    surface = animal.vertices(wanted)[0]
    pose = fit_pose(animal.armature, animal.weights, animal.landmarks.vertices, surface)
    error = np.linalg.norm(animal.vertices(pose)[0] - surface, axis=1) / animal.landmarks.withers
    assert np.sqrt((error**2).mean()) < 0.02 and error.max() < 0.1


def test_a_surface_at_rest_gives_no_turn() -> None:
    animal = rigged("horse")
    pose = fit_pose(animal.armature, animal.weights, animal.landmarks.vertices, animal.landmarks.vertices)
    np.testing.assert_allclose(pose.turns[0], np.tile(np.eye(3), (len(animal.armature.names), 1, 1)), atol=1e-6)
    np.testing.assert_allclose(pose.heads[0], animal.armature.heads, atol=1e-6)
