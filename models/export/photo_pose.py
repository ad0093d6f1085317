"""The pose of a photo on the skeleton that is handed out, found from where the surface went.

Each bone takes the rotation that best carries its own vertices (Kabsch 1976); the pelvis takes the shift that is left.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.export.armature import Armature
from models.export.limbs import Pose

ROUNDS = 3
"""After each the residual of the whole skin is given back to the bones."""
LEAST = 1.0
"""A bone that carries less than this many vertices turns with its parent."""


def fit_pose(
    armature: Armature,
    weights: Float[ndarray, "vertices bones"],
    rest: Float[ndarray, "vertices 3"],
    posed: Float[ndarray, "vertices 3"],
) -> Pose:
    """One frame in which the skinned rest surface comes near to the posed one."""
    target, shift = posed.copy(), np.zeros(3)
    pose = _turn_bones(armature, weights, rest, target, shift)
    for _ in range(ROUNDS):
        left = posed - _skin(armature, weights, rest, pose)
        shift, target = shift + left.mean(0), target + 0.5 * left
        pose = _turn_bones(armature, weights, rest, target, shift)
    pose.heads[:, 1:] += (posed - _skin(armature, weights, rest, pose)).mean(0)
    return pose


def _turn_bones(
    armature: Armature,
    weights: Float[ndarray, "vertices bones"],
    rest: Float[ndarray, "vertices 3"],
    target: Float[ndarray, "vertices 3"],
    shift: Float[ndarray, " 3"],
) -> Pose:
    """Each bone turned as its own vertices were, on a pelvis that is shifted."""
    pose = Pose(np.tile(np.eye(3), (1, len(armature.names), 1, 1)), armature.heads[None].copy())
    for bone in range(1, len(armature.names)):
        parent, strength = armature.parents[bone], weights[:, bone] ** 2
        turn = _kabsch(rest, target, strength) if strength.sum() > LEAST else pose.turns[0, parent]
        pose.attach(armature, bone, turn[None])
        if parent == 0:
            pose.heads[:, bone] += shift
    return pose


def _kabsch(
    source: Float[ndarray, "vertices 3"], target: Float[ndarray, "vertices 3"], strength: Float[ndarray, " vertices"]
) -> Float[ndarray, "3 3"]:
    """The rotation that carries one weighted cloud onto another about their means."""
    share = strength / strength.sum()
    covariance = (source - share @ source).T @ (share[:, None] * (target - share @ target))
    left, _, right = np.linalg.svd(covariance)
    sign = np.sign(np.linalg.det(left @ right)) or 1.0
    return (right.T * (1.0, 1.0, sign)) @ left.T


def _skin(
    armature: Armature, weights: Float[ndarray, "vertices bones"], rest: Float[ndarray, "vertices 3"], pose: Pose
) -> Float[ndarray, "vertices 3"]:
    """The rest surface in the pose's one frame."""
    moved = np.einsum("bij,vbj->vbi", pose.turns[0], rest[:, None] - armature.heads) + pose.heads[0]
    return (weights[..., None] * moved).sum(1)
