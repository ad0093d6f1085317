"""A leg reaches the place its hoof is wanted at, and keeps the lengths of its bones."""

import numpy as np
import pytest

from models.export.limbs import RISING, Step, reach, rotation_x, rotation_y, rotation_z
from models.export.motions import carry
from tests.models.export.farm_animals import rigged

FRAMES = 9


@pytest.fixture
def standing():
    animal = rigged("cow")
    return animal.armature, carry(animal.body, np.tile((0.0, -0.04, 0.0), (FRAMES, 1)), {})


@pytest.mark.parametrize("leg", range(4))
def test_a_hoof_comes_to_its_step_and_no_bone_changes_its_length(standing, leg: int) -> None:
    armature, pose = standing
    limb = armature.limbs[leg]
    along = np.linspace(-0.15, 0.15, FRAMES)
    joint = armature.heads[limb.hoof] + np.stack((0 * along, 0.02 + 0 * along, along), 1)
    lack = reach(armature, limb, pose, Step(joint, 0.2 + 0 * along, 0 * along))
    np.testing.assert_allclose(lack, 0, atol=1e-12)
    np.testing.assert_allclose(pose.heads[:, limb.hoof], joint, atol=1e-9)
    np.testing.assert_allclose(pose.turns[:, limb.hoof], rotation_x(np.full(FRAMES, 0.2)), atol=1e-12)
    for bone, following in zip(limb.bones, limb.bones[1:], strict=False):
        length = np.linalg.norm(armature.heads[following] - armature.heads[bone])
        np.testing.assert_allclose(np.linalg.norm(pose.heads[:, following] - pose.heads[:, bone], axis=1), length)
        np.testing.assert_allclose(np.linalg.det(pose.turns[:, bone]), 1)


def test_a_shoulder_blade_slides_up_with_its_hoof_and_stays_where_the_hoof_is_down(standing) -> None:
    armature, pose = standing
    limb = next(limb for limb in armature.limbs if limb.shoulder is not None)
    assert limb.shoulder is not None
    height = np.linspace(-0.02, 0.06, FRAMES)
    joint = armature.heads[limb.hoof] + np.stack((0 * height, height, 0 * height), 1)
    reach(armature, limb, pose, Step(joint, 0 * height, 0 * height))
    slid = np.stack((0 * height, RISING * np.maximum(height, 0), 0 * height), 1)
    np.testing.assert_allclose(pose.heads[:, limb.shoulder] - pose.heads[0, limb.shoulder], slid, atol=1e-12)


def test_a_leg_at_rest_does_not_turn() -> None:
    animal = rigged("horse")
    armature, pose = animal.armature, carry(animal.body, np.zeros((1, 3)), {})
    for limb in armature.limbs:
        reach(armature, limb, pose, Step(armature.heads[[limb.hoof]], np.zeros(1), np.zeros(1)))
        for bone in limb.bones:
            np.testing.assert_allclose(pose.turns[0, bone], np.eye(3), atol=0.02)


def test_a_step_that_is_too_far_is_missed_by_what_is_said(standing) -> None:
    armature, pose = standing
    limb = armature.limbs[0]
    far = np.tile(armature.heads[limb.hoof] - (0, 1.0, 0), (FRAMES, 1))
    lack = reach(armature, limb, pose, Step(far, np.zeros(FRAMES), np.zeros(FRAMES)))
    np.testing.assert_allclose(np.linalg.norm(pose.heads[:, limb.hoof] - far, axis=1), lack, atol=1e-9)
    assert (lack > 0.5).all()


def test_turns_say_what_they_do() -> None:
    angle = np.array(0.3)
    assert (rotation_x(angle) @ (0, 0, 1.0))[1] < 0, "lowers what points forward"
    assert (rotation_x(angle) @ (0, -1.0, 0))[2] < 0, "carries a foot backward"
    assert (rotation_y(angle) @ (0, 0, 1.0))[0] > 0, "turns the head to the left"
    assert (rotation_z(angle) @ (1.0, 0, 0))[1] > 0, "raises the left side"
