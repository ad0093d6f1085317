"""What the average animal of a species is made of: solids of the left half, joints, landmarks; `anatomy` scales them.

Coordinates are those of the object frame with the torso's centre at the origin. Read a table of points as one would
draw the animal from the side: (x, y, z) with y up and z towards the head.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.truth.barnyard.rig import FORE, HIND
from models.truth.barnyard.solids import Shape, Solid, chain

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Average:
    """Solids, joints and the landmarks keypoints are looked up from."""

    solids: list[Solid]
    joints: Float[ndarray, "bones 3"]
    """Rest joints; right legs are filled in by mirroring."""
    eye: tuple[Point, float]
    """Centre and radius of the left eye."""
    nostril: tuple[Point, float]
    landmarks: dict[str, Point]
    """Left or central keypoints, near the surface."""


def rig_joints(
    spine: list[Point], fore: list[Point], hind: list[Point], tail: list[Point]
) -> Float[ndarray, "bones 3"]:
    """Joints in the order of `rig.BONES`; left legs are given, right ones are their mirror images."""
    flip = np.array((-1.0, 1.0, 1.0))
    chains = (spine, fore, fore * flip, hind, hind * flip, tail)
    return np.concatenate([np.array(chain, np.float64) for chain in chains])


def legs(fore: list[Point], hind: list[Point], fore_radii: list[float], hind_radii: list[float]) -> list[Solid]:
    """Shoulder, knee, fetlock, toe and hip, stifle, hock, fetlock, toe; hooves end flat by being cut below."""
    solids = []
    for part, first, points, radii, owners in (
        ("left_fore_leg", FORE, fore, fore_radii, (0, 0, 1)),
        ("left_hind_leg", HIND, hind, hind_radii, (0, 1, 2)),
    ):
        bones = tuple(first + owner for owner in owners)
        solids += chain(part, bones, points[:4], radii[:4], Shape(blend=0.13))
        pastern, toe = np.array(points[3]), np.array(points[4])
        solids += chain(
            part,
            first + 2,
            [points[3], tuple(pastern + 0.6 * (toe - pastern))],
            [radii[3], radii[4]],
            Shape(blend=0.08),
        )
        solids += chain(
            "hoof",
            first + 2,
            [tuple(pastern + 0.7 * (toe - pastern)), points[4]],
            [radii[4], radii[5]],
            Shape(blend=0.03),
        )
    return solids
