"""Plausible poses of a person: ranges of joints written by hand, for the prior of the body and for its tests.

Angles are about axes parallel to the object frame, of a body that faces +z with its arms half raised; left is +x.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
"""Those of SMPL, in its order."""
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

Range = tuple[float, float]
RANGES: Mapping[str, tuple[Range, Range, Range]] = {
    "hip": ((-70, 25), (-20, 20), (-8, 35)),
    "spine1": ((-5, 25), (-10, 10), (-8, 8)),
    "spine2": ((-5, 15), (-12, 12), (-6, 6)),
    "spine3": ((-5, 15), (-12, 12), (-6, 6)),
    "ankle": ((-20, 25), (-12, 12), (-8, 8)),
    "foot": ((-10, 10), (-2, 2), (-2, 2)),
    "neck": ((-15, 25), (-30, 30), (-12, 12)),
    "head": ((-15, 20), (-25, 25), (-10, 10)),
    "collar": ((-5, 5), (-10, 10), (-8, 12)),
    "shoulder": ((-45, 40), (-75, 20), (-45, 100)),
    "wrist": ((-25, 25), (-25, 25), (-20, 20)),
    "hand": ((-15, 15), (-10, 10), (-10, 10)),
}
"""Degrees about x, y and z of a left joint or one in the middle; the right one is its mirror image."""
BENDS: Mapping[str, Range] = {"knee": (0.0, 110.0), "elbow": (-40.0, 85.0)}
"""Degrees about the axis of a hinge; the elbows of the body at rest are bent already."""
SEATED = 0.2
"""Share of poses with both hips bent as on a chair."""
SEAT: Range = (-105.0, -70.0)
TWIST = 8.0
"""Degrees by which a hinge turns off its axis at most."""


def hinge_axes(joints: Float[Tensor, "joints 3"]) -> Float[Tensor, "joints 3"]:
    """Knees bend the shins backwards, elbows the forearms forwards: unit axes by the rest joints, else zero."""
    axes = torch.zeros_like(joints)
    for index, name in enumerate(JOINTS):
        side, _, part = name.partition("_")
        if part in BENDS:
            end = JOINTS.index(f"{side}_{'ankle' if part == 'knee' else 'wrist'}")
            towards = joints.new_tensor((0.0, 0.0, -1.0 if part == "knee" else 1.0))
            axis = torch.linalg.cross(joints[end] - joints[index], towards)
            axes[index] = axis / axis.norm()
    return axes


def sample_poses(
    count: int, hinges: Float[Tensor, "joints 3"], generator: torch.Generator
) -> Float[Tensor, "count joints 3"]:
    """Axis times angle of each joint; the root has none. The middle of a range is likelier than its ends."""
    poses = torch.zeros(count, len(JOINTS), 3)
    for index, name in enumerate(JOINTS):
        side, _, part = name.rpartition("_")
        if part in BENDS:
            low, high = BENDS[part]
            # Straight legs and arms are more usual than bent ones.
            bend = low + _uniform(0.0, high - low, (count,), generator) * torch.rand(count, generator=generator)
            twist = _triangular(-TWIST, TWIST, (count, 3), generator)
            poses[:, index] = bend[:, None] * hinges[index] + twist
        elif part in RANGES:
            low, high = (torch.tensor(ends, dtype=torch.float32) for ends in zip(*RANGES[part], strict=True))
            poses[:, index] = low + (high - low) * _triangular(0.0, 1.0, (count, 3), generator)
            if side == "right":
                poses[:, index, 1:] *= -1
    seated = torch.rand(count, generator=generator) < SEATED
    for side in ("left", "right"):
        hip, knee = JOINTS.index(f"{side}_hip"), JOINTS.index(f"{side}_knee")
        bent = _uniform(*SEAT, (count,), generator)
        poses[:, hip, 0] = torch.where(seated, bent, poses[:, hip, 0])
        bent = -_uniform(*SEAT, (count, 1), generator) * hinges[knee]
        poses[:, knee] = torch.where(seated[:, None], bent, poses[:, knee])
    return poses.deg2rad()


def _uniform(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _triangular(low: float, high: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return (_uniform(low, high, shape, generator) + _uniform(low, high, shape, generator)) / 2
