"""Skin weights of the armature: legs hold the legs, the spine holds the trunk with its belly, hooves are rigid."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import coo_array

from models.export.armature import HOOF_TOP, SPINE, TAIL, Armature, Limb
from models.export.landmarks import Landmarks, Leg
from models.geometry.kinematics import INFLUENCES
from models.geometry.smoothstep import smoothstep

SPINE_SOFTNESS = 0.5
LEG_SOFTNESS = 0.35
SMOOTHINGS = 6
"""Rounds in which a vertex takes half of its neighbours' mean; hooves keep their own."""


def bind(landmarks: Landmarks, faces: Int[ndarray, "faces 3"], armature: Armature) -> Float[ndarray, "vertices bones"]:
    """How much each bone carries each vertex: at most four bones a vertex, rows sum to 1."""
    vertices = landmarks.vertices
    weights = np.zeros((len(vertices), len(armature.names)))
    trunk = np.ones(len(vertices))
    rigid = np.zeros(len(vertices), bool)
    for leg, limb in zip(landmarks.legs, armature.limbs, strict=True):
        share = _leg_share(landmarks, leg, armature, limb)
        trunk -= share
        weights[:, limb.bones] += share[:, None] * _along_leg(landmarks, leg, armature, limb)
        rigid |= weights[:, limb.hoof] > 0.999
    spine = [armature.index(name) for name in SPINE]
    tail = [armature.index(name) for name in TAIL]
    behind = _tail_share(landmarks, armature)
    weights[:, spine] += (trunk * (1 - behind))[:, None] * _nearness(vertices, armature, spine, SPINE_SOFTNESS)
    weights[:, tail] += (trunk * behind)[:, None] * _nearness(vertices, armature, tail, 0.3)
    return subtract_fifth(_smooth(weights, faces, rigid))


def subtract_fifth(weights: Float[ndarray, "vertices bones"]) -> Float[ndarray, "vertices bones"]:
    """By how much each share exceeds the fifth of its row: none comes or goes with a jump. Rows sum to 1."""
    if weights.shape[1] > INFLUENCES:
        weights = np.maximum(weights - np.partition(weights, -INFLUENCES - 1, axis=1)[:, [-INFLUENCES - 1]], 0)
    weights = np.where(weights < 1e-4, 0, weights)
    return weights / weights.sum(1, keepdims=True)


def _leg_share(landmarks: Landmarks, leg: Leg, armature: Armature, limb: Limb) -> Float[ndarray, " vertices"]:
    """How much of each vertex the leg holds: all below the belly, less up to its joint, none at the midline."""
    x, y, z = landmarks.vertices.T
    joint, belly = armature.heads[limb.upper], landmarks.belly
    height = (y - belly) / (joint[1] - belly)
    up = np.clip(height, 0, 1)
    axis = leg.hoof[2] + up * (joint[2] - leg.hoof[2])
    near = 1 - smoothstep(np.abs(z - axis) / leg.radius, 1.25, 2.6)
    outside = smoothstep(leg.side * x / landmarks.half_width, 0.1, 0.6)
    own_side = smoothstep(leg.side * x / landmarks.half_width, -0.05, 0.05)
    lateral = own_side + smoothstep(height, -0.25, 0.1) * (outside - own_side)
    return (1 - smoothstep(height, -0.1, 1.25)) * near * lateral


def _along_leg(landmarks: Landmarks, leg: Leg, armature: Armature, limb: Limb) -> Float[ndarray, "vertices chain"]:
    """Shares of the bones of a leg; what lies below the hoof's joint moves with the hoof alone."""
    y = landmarks.vertices[:, 1]
    shares = _nearness(landmarks.vertices, armature, list(limb.bones), LEG_SOFTNESS)
    shares[:, -1] = 0
    shares /= np.maximum(shares.sum(1, keepdims=True), 1e-12)
    hoof = 1 - smoothstep(y / (HOOF_TOP * landmarks.belly), 0.75, 1.35)
    return np.concatenate(((1 - hoof)[:, None] * shares[:, :-1], hoof[:, None]), 1)


def _tail_share(landmarks: Landmarks, armature: Armature) -> Float[ndarray, " vertices"]:
    """How much of each vertex is tail: behind the rump, near the midline."""
    x, y, z = landmarks.vertices.T
    rear, dock = float(landmarks.vertices[:, 2].min()), armature.heads[armature.index(TAIL[0])]
    behind = smoothstep((dock[2] - z) / max(dock[2] - rear, 1e-6), 0.25, 0.85)
    return behind * (1 - smoothstep(np.abs(x) / landmarks.half_width, 0.25, 0.5)) * (y < dock[1] + 0.3 * dock[1])


def _nearness(
    vertices: Float[ndarray, "vertices 3"], armature: Armature, bones: list[int], softness: float
) -> Float[ndarray, "vertices chain"]:
    """Softmax of minus the squared distances to the bones of a chain over the square of `softness` of their length.

    Squares make it a matter of where a vertex lies along the chain: how far off it lies does not count.
    """
    start, along = armature.heads[bones], armature.tails[bones] - armature.heads[bones]
    offset = vertices[:, None] - start
    share = np.clip((offset * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12), 0, 1)
    squared = ((offset - share[..., None] * along) ** 2).sum(-1)
    width = softness * np.linalg.norm(along, axis=-1).mean()
    logits = -squared / (2 * width**2)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def _smooth(
    weights: Float[ndarray, "vertices bones"], faces: Int[ndarray, "faces 3"], rigid: ndarray
) -> Float[ndarray, "vertices bones"]:
    """Weights without sudden changes over the surface."""
    first, second = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]])).T
    joined = coo_array((np.ones(len(first)), (first, second)), shape=(len(weights),) * 2).tocsr()
    count = np.maximum(joined.sum(1), 1)[:, None]
    for _ in range(SMOOTHINGS):
        weights = np.where(rigid[:, None], weights, (weights + joined @ weights / count) / 2)
    return weights
