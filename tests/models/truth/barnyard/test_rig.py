import numpy as np
import pytest

from models.truth.barnyard.anatomy import body
from models.truth.barnyard.rig import BONES, HEAD, KEYPOINTS, OPPOSITE, PARENTS, bone_motions, pose_vertices


def test_parents_come_first_and_opposites_pair_up():
    assert all(parent < bone for bone, parent in enumerate(PARENTS))
    assert all(OPPOSITE[OPPOSITE[bone]] == bone for bone in range(len(BONES)))
    assert len(BONES) == len(PARENTS) == len(OPPOSITE) == 22
    assert len(KEYPOINTS) == 16


def test_hind_legs_and_tail_hang_on_the_hips_and_fore_legs_on_the_chest():
    parent = {bone: BONES[PARENTS[number]] for number, bone in enumerate(BONES) if number}
    assert {parent[f"{side}_hind_upper"] for side in ("left", "right")} | {parent["dock"]} == {"hips"}
    assert {parent[f"{side}_fore_upper"] for side in ("left", "right")} == {"chest"}


def test_the_identity_pose_moves_nothing():
    cow = body("cow", 0)
    assert np.allclose(pose_vertices(cow.vertices, cow.weights, cow.joints, np.zeros((22, 3))), cow.vertices, atol=1e-5)


def test_turning_the_hips_turns_the_whole_animal():
    cow = body("cow", 0)
    angles = np.zeros((22, 3))
    angles[0] = (0.3, -0.5, 0.2)
    turned = (cow.vertices - cow.joints[0]) @ bone_motions(cow.joints, angles)[0, :3, :3].T + cow.joints[0]
    assert np.allclose(pose_vertices(cow.vertices, cow.weights, cow.joints, angles), turned, atol=1e-4)


def test_a_bone_leaves_its_joint_in_place_and_carries_its_children():
    joints = body("horse", 0).joints
    angles = np.zeros((22, 3))
    angles[4, 0] = 0.7
    motions = bone_motions(joints, angles)
    moved = (motions[:, :3, :3] @ joints[..., None])[..., 0] + motions[:, :3, 3]
    assert np.allclose(moved[4], joints[4], atol=1e-6)
    assert moved[HEAD, 1] < joints[HEAD, 1] - 0.1
    assert motions[0] == pytest.approx(np.eye(4))
