"""The rig that all barnyard animals share: names of bones, parts and keypoints, and how the bones carry a body.

Bones turn about axes parallel to the object frame through their joint. Spine bones 0..7 run from hips to head, then
three for each leg from top to hoof (left fore, right fore, left hind, right hind; left is +x), then two for the tail.
"""

import torch
from jaxtyping import Float
from numpy import ndarray

from models.geometry.kinematics import blend, euler_xyz, joint_motions

SPINE = ("hips", "loin", "back", "chest", "neck_low", "neck_mid", "neck_high", "head")
LEGS = ("left_fore", "right_fore", "left_hind", "right_hind")
BONES = SPINE + tuple(f"{leg}_{piece}" for leg in LEGS for piece in ("upper", "middle", "lower")) + ("dock", "tail")
HEAD, DOCK = BONES.index("head"), BONES.index("dock")
FORE, HIND = BONES.index("left_fore_upper"), BONES.index("left_hind_upper")
PARENTS = (-1, 0, 1, 2, 3, 4, 5, 6, 3, 8, 9, 3, 11, 12, 0, 14, 15, 0, 17, 18, 0, 20)
"""Parent of each bone; the hips carry the animal."""
OPPOSITE = (*range(8), 11, 12, 13, 8, 9, 10, 17, 18, 19, 14, 15, 16, 20, 21)
"""Bone on the other side of the mirror plane."""

PARTS = (
    "background",
    "torso",
    "neck",
    "head",
    "muzzle",
    "ear",
    "horn",
    "eye",
    "nostril",
    "mane",
    "left_fore_leg",
    "right_fore_leg",
    "left_hind_leg",
    "right_hind_leg",
    "hoof",
    "tail",
    "udder",
)
PART = {name: index for index, name in enumerate(PARTS)}

KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "throat",
    "withers",
    "tail_base",
    "left_knee",
    "right_knee",
    "left_hock",
    "right_hock",
    "left_fore_hoof",
    "right_fore_hoof",
    "left_hind_hoof",
    "right_hind_hoof",
)
_SIDES = {"left": "right", "right": "left"}


def opposite_keypoint(name: str) -> str:
    """The keypoint on the other side of the mirror plane; itself where it lies in it."""
    return "_".join(_SIDES.get(word, word) for word in name.split("_"))


OPPOSITE_KEYPOINT = tuple(KEYPOINTS.index(opposite_keypoint(name)) for name in KEYPOINTS)
"""Keypoint on the other side of the mirror plane."""


def bone_motions(joints: Float[ndarray, "bones 3"], angles: Float[ndarray, "bones 3"]) -> Float[ndarray, "bones 4 4"]:
    """T_posed_rest of each bone, in the angles' precision."""
    return joint_motions(torch.from_numpy(joints), PARENTS, euler_xyz(torch.from_numpy(angles))).numpy()


def pose_vertices(
    vertices: Float[ndarray, "vertices 3"],
    weights: Float[ndarray, "vertices bones"],
    joints: Float[ndarray, "bones 3"],
    angles: Float[ndarray, "bones 3"],
) -> Float[ndarray, "vertices 3"]:
    """Rest vertices carried by their bones, averaged by weight."""
    motions = bone_motions(joints, angles).astype(vertices.dtype)
    return blend(*(torch.from_numpy(part) for part in (vertices, weights, motions))).numpy()
