"""Names that every barnyard animal shares: bones, parts, keypoints; and linear blend skinning along the bones.

Bones turn about axes parallel to the object frame through their joint. Spine bones 0..7 run from hips to head, then
three for each leg from top to hoof (left fore, right fore, left hind, right hind; left is +x), then two for the tail.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

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
OPPOSITE_KEYPOINT = tuple(
    KEYPOINTS.index("_".join(_SIDES.get(word, word) for word in name.split("_"))) for name in KEYPOINTS
)
"""Keypoint on the other side of the mirror plane."""


def rotations(angles: Float[ndarray, "bones 3"]) -> Float[ndarray, "bones 3 3"]:
    """R = Rx Ry Rz from radians."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(angles).T, np.cos(angles).T
    rows = (
        (cy * cz, -cy * sz, sy),
        (cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy),
        (sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy),
    )
    return np.moveaxis(np.array(rows), -1, 0)


def bone_motions(
    joints: Float[ndarray, "bones 3"], angles: Float[ndarray, "bones 3"]
) -> tuple[Float[ndarray, "bones 3 3"], Float[ndarray, "bones 3"]]:
    """Rotation and shift that take rest points to where each bone carries them."""
    local = rotations(angles)
    turn, shift = np.zeros_like(local), np.zeros_like(joints)
    for bone, parent in enumerate(PARENTS):
        above, moved = (np.eye(3), np.zeros(3)) if parent < 0 else (turn[parent], shift[parent])
        turn[bone] = above @ local[bone]
        shift[bone] = above @ joints[bone] + moved - turn[bone] @ joints[bone]
    return turn, shift


def skin(
    vertices: Float[ndarray, "vertices 3"],
    weights: Float[ndarray, "vertices bones"],
    joints: Float[ndarray, "bones 3"],
    angles: Float[ndarray, "bones 3"],
) -> Float[ndarray, "vertices 3"]:
    """Rest vertices carried by their bones, averaged by weight."""
    turn, shift = bone_motions(joints, angles)
    motion = np.concatenate((turn, shift[:, :, None]), -1).astype(vertices.dtype).reshape(-1, 12)
    motion = (weights @ motion).reshape(-1, 3, 4)
    return (motion[:, :, :3] * vertices[:, None]).sum(-1) + motion[:, :, 3]
