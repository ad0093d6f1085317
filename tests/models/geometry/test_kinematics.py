from math import pi

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from models.core.category import Skeleton
from models.geometry.kinematics import (
    blend,
    bone_frames,
    bone_motions,
    euler_xyz,
    joint_motions,
    skin_weights,
)
from models.geometry.skeleton import Rig, attach, joints, parents
from tests.models.geometry.test_skeleton import creature

SKELETON = Skeleton()
VERTICES = creature()
ATTACHMENT = attach(VERTICES, SKELETON)
ENDS = joints(VERTICES, SKELETON, ATTACHMENT)
RIGS = {held: Rig(ENDS, parents(SKELETON, ATTACHMENT, held)) for held in (False, True)}
WEIGHTS = skin_weights(VERTICES, ENDS)


def turned(bone: int, axis: int = 0) -> torch.Tensor:
    angles = torch.zeros(1, 20, 3)
    angles[0, bone, axis] = 0.5
    return angles


def posed_ends(rig: Rig, motions: torch.Tensor) -> torch.Tensor:
    """Inner and outer joints after the motion."""
    return (motions[:, :, None, :3, :3] @ rig.ends[..., None])[..., 0] + motions[:, :, None, :3, 3]


def moved_bones(rig: Rig, angles: torch.Tensor) -> set[int]:
    shift = (posed_ends(rig, bone_motions(rig, angles)) - rig.ends).abs().amax((0, 2, 3))
    return set((shift > 1e-4).nonzero()[:, 0].tolist())


def test_weights_are_shares_and_favour_the_nearest_bone() -> None:
    assert torch.allclose(WEIGHTS.sum(-1), torch.ones(1, VERTICES.shape[1]), atol=1e-5)
    on_bone = skin_weights(ENDS.mean(2), ENDS)[0]
    assert torch.equal(on_bone.argmax(-1), torch.arange(20))


def test_a_bone_of_no_length_gives_finite_weights_and_frames() -> None:
    ends = torch.zeros(1, 2, 2, 3)
    assert skin_weights(VERTICES, ends).isfinite().all() and bone_frames(ends).isfinite().all()


def test_frames_are_rotations_with_z_along_the_bone() -> None:
    frames = bone_frames(ENDS)[0]
    rotation = frames[:, :3, :3]
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3).expand(20, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(20), atol=1e-5)
    along = torch.nn.functional.normalize(ENDS[0, :, 1] - ENDS[0, :, 0], dim=-1)
    assert torch.allclose(rotation[..., 2], along, atol=1e-5)
    assert (rotation[:8, 0, 0] > 0.99).all()
    assert torch.equal(frames[:, :3, 3], ENDS[0, :, 0])


def test_a_bone_along_the_mirror_axis_still_has_a_frame() -> None:
    rotation = bone_frames(torch.tensor([[[[0.0, 0, 0], [1, 0, 0]]]]))[0, 0, :3, :3]
    assert torch.allclose(torch.linalg.det(rotation), torch.tensor(1.0), atol=1e-5)


def test_euler_angles_are_intrinsic_xyz() -> None:
    angles = torch.rand(10, 3, generator=torch.Generator().manual_seed(0)) * 2 * pi - pi
    theirs = Rotation.from_euler("XYZ", angles.numpy()).as_matrix()
    assert torch.allclose(euler_xyz(angles), torch.tensor(theirs, dtype=torch.float32), atol=1e-5)


def test_zero_angles_keep_the_rest_pose() -> None:
    motions = bone_motions(RIGS[True], torch.zeros(1, 20, 3))
    assert torch.allclose(blend(VERTICES, WEIGHTS, motions), VERTICES, atol=1e-5)


def test_one_rigid_motion_of_all_bones_moves_the_animal_rigidly() -> None:
    T = torch.eye(4)
    T[:3, :3], T[:3, 3] = euler_xyz(torch.tensor((0.3, -1.0, 2.0))), torch.tensor((1.0, 2, 3))
    posed = blend(VERTICES, WEIGHTS, T.expand(1, 20, 4, 4))
    assert torch.allclose(posed, VERTICES @ T[:3, :3].T + T[:3, 3], atol=1e-4)


def test_a_root_carries_its_chain_and_the_legs_only_once_attached() -> None:
    hind_legs = set(range(11, 17))
    assert moved_bones(RIGS[False], turned(7)) == {4, 5, 6, 7}
    assert moved_bones(RIGS[True], turned(7)) == {4, 5, 6, 7} | hind_legs


def test_a_foot_carries_nothing_and_a_hip_its_leg() -> None:
    assert moved_bones(RIGS[True], turned(8)) == {8}
    assert moved_bones(RIGS[True], turned(10)) == {8, 9, 10}


def test_a_joint_stays_joined() -> None:
    angles = torch.randn(1, 20, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    ends = posed_ends(RIGS[True], bone_motions(RIGS[True], angles))[0]
    for bone, parent in enumerate(RIGS[True].parents):
        if parent >= 0:
            assert torch.allclose(ends[bone, 0], ends[parent, 1], atol=1e-5)


def test_the_first_angle_swings_a_leg_fore_and_aft_only() -> None:
    rig = RIGS[True]
    ends = posed_ends(rig, bone_motions(rig, turned(10)))
    shift = (ends - rig.ends)[0, 8, 1]
    assert shift[2].abs() > 0.2 and shift[0].abs() < 0.1 * shift[2].abs()


def test_angles_get_gradient_and_weights_none() -> None:
    vertices, angles = VERTICES.clone().requires_grad_(), torch.zeros(1, 20, 3, requires_grad=True)
    assert not skin_weights(vertices, ENDS).requires_grad
    blend(vertices, WEIGHTS, bone_motions(RIGS[True], angles)).square().sum().backward()
    assert angles.grad.isfinite().all() and angles.grad.abs().sum() > 0


TREE = (-1, 0, 0, 1, 2, 3, 4, 1)
"""A body's: two limbs of three joints and one more, from one root."""


def reference_body(joints, rotations):
    """World frames down the tree, as SMPL's equations 3 and 4 have them, one 4 x 4 matrix after the other."""
    frames = []
    for joint, parent in enumerate(TREE):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotations[joint], joints[joint] - (joints[parent] if parent >= 0 else 0)
        frames.append(local if parent < 0 else frames[parent] @ local)
    rest = [np.eye(4) for _ in TREE]
    for joint, frame in enumerate(rest):
        frame[:3, 3] = joints[joint]
    return np.stack([frame @ np.linalg.inv(still) for frame, still in zip(frames, rest, strict=True)])


@pytest.mark.parametrize("kind, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_a_joint_tree_moves_as_an_independent_implementation_has_it(kind, tolerance) -> None:
    random = np.random.default_rng(0)
    joints, rotations = random.normal(size=(8, 3)), Rotation.random(8, random_state=1).as_matrix()
    motions = joint_motions(torch.tensor(joints, dtype=kind), TREE, torch.tensor(rotations, dtype=kind))
    assert np.allclose(motions.numpy(), reference_body(joints, rotations), atol=tolerance)


def test_a_batch_of_joint_trees_is_each_of_them() -> None:
    random = np.random.default_rng(0)
    joints = torch.tensor(random.normal(size=(5, 8, 3)))
    rotations = torch.tensor(Rotation.random(40, random_state=1).as_matrix()).view(5, 8, 3, 3)
    together = joint_motions(joints, TREE, rotations)
    for row in range(5):
        assert torch.allclose(together[row], joint_motions(joints[row], TREE, rotations[row]))
    rotations.requires_grad_()
    joint_motions(joints, TREE, rotations).square().sum().backward()
    assert rotations.grad.isfinite().all() and rotations.grad.abs().sum() > 0


def test_a_joint_tree_whose_parents_come_late_is_refused() -> None:
    with pytest.raises(ValueError, match="parent of joint 0 is 1"):
        joint_motions(torch.zeros(2, 3), (1, -1), torch.eye(3).expand(2, 3, 3))


def test_both_kinds_of_tree_agree_where_the_bones_stand_along_the_axes() -> None:
    """A chain along z, whose bones' own frames are those of the object, as a body with a joint at each inner end."""
    starts = torch.stack((torch.zeros(4), torch.zeros(4), torch.arange(4.0)), -1)
    ends = torch.stack((starts, starts + torch.tensor((0.0, 0, 1))), 1)[None]
    angles = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    chain, tree = (
        bone_motions(Rig(ends, (-1, 0, 1, 2)), angles),
        joint_motions(starts, (-1, 0, 1, 2), euler_xyz(angles[0])),
    )
    assert torch.allclose(chain[0], tree, atol=1e-4)
