"""Where the coat of an animal is cut: trunk, neck, head, tail and legs, each into two halves.

All but the legs are halved along the mirror plane; a leg has an outer and an inner half.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from models.export.armature import SPINE, TAIL, Armature

NECK, HEAD = SPINE[-3:-1], SPINE[-1:]


def divide_coat(
    vertices: Float[ndarray, "vertices 3"],
    faces: Int[ndarray, "faces 3"],
    armature: Armature,
    weights: Float[ndarray, "vertices bones"],
) -> Int[ndarray, " faces"]:
    """The piece of each face: trunk 0 and 1, neck 2 and 3, head 4 and 5, tail 6 and 7, then two to a leg."""
    legs = [[limb.upper, limb.lower, limb.cannon, limb.hoof] for limb in armature.limbs]
    neck, head, tail = ([armature.index(name) for name in names] for names in (NECK, HEAD, TAIL))
    trunk = sorted(set(range(len(armature.names))).difference(neck, head, tail, *legs))
    held = np.stack([weights[:, bones].sum(1) for bones in (trunk, neck, head, tail, *legs)], 1)
    part = held[faces].sum(1).argmax(1)
    x, y, _ = vertices[faces].mean(1).T
    side = x > 0
    for number, bones in enumerate(legs, 4):
        own = part == number
        joints = np.concatenate((armature.tails[bones[-1:]], armature.heads[bones[::-1]]))
        side[own] = x[own] > np.interp(y[own], joints[:, 1], joints[:, 0])
    return 2 * part + side
