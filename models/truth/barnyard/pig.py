"""The average pig: a long barrel on short legs, next to no neck, a long snout that ends in a disc, a curl of a tail."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.15, -1.0),
    (0.0, 0.2, -0.55),
    (0.0, 0.2, -0.1),
    (0.0, 0.15, 0.35),
    (0.0, 0.1, 0.8),
    (0.0, 0.14, 1.05),
    (0.0, 0.18, 1.25),
    (0.0, 0.22, 1.42),
]
_LANDMARKS = {
    "nose": (0.0, -0.26, 2.62),
    "left_eye": (0.31, 0.34, 1.92),
    "left_ear": (0.42, 0.75, 1.72),
    "throat": (0.0, -0.32, 1.5),
    "withers": (0.0, 0.66, 0.7),
    "tail_base": (0.0, 0.46, -1.38),
    "left_knee": (0.31, -0.86, 0.88),
    "left_hock": (0.31, -0.76, -1.32),
    "left_fore_hoof": (0.3, -1.3, 0.9),
    "left_hind_hoof": (0.3, -1.3, -0.9),
}


def pig() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.3, -0.12, 0.72), (0.32, -0.55, 0.7), (0.31, -0.84, 0.76), (0.3, -1.1, 0.72), (0.3, -1.24, 0.81)]
    hind = [(0.25, 0.0, -1.02), (0.32, -0.45, -0.88), (0.31, -0.76, -1.18), (0.3, -1.1, -1.1), (0.3, -1.24, -1.01)]
    limbs = legs(fore, hind, [0.34, 0.23, 0.14, 0.1, 0.11, 0.125], [0.42, 0.28, 0.135, 0.1, 0.11, 0.125])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.26, -1.44), (0.0, 0.3, -1.66)])
    return Average(
        _torso() + _neck() + _head() + limbs + _tail(),
        joints,
        ((0.2, 0.27, 1.86), 0.045),
        ((0.075, -0.15, 2.64), 0.04),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.04, -1.05), (0.0, 0.06, -0.55)], [0.52, 0.62], Shape(squash=0.9)),
        *chain(
            "torso",
            (2, 2),
            [(0.0, -0.02, -0.5), (0.0, -0.06, 0.0), (0.0, -0.02, 0.45)],
            [0.64, 0.68, 0.62],
            Shape(blend=0.2, squash=0.92),
        ),
        *chain("torso", 3, [(0.0, -0.02, 0.4), (0.0, 0.0, 0.85)], [0.62, 0.52], Shape(blend=0.2, squash=0.88)),
        *chain(
            "torso",
            (0, 1),
            [(0.0, 0.26, -1.28), (0.0, 0.38, -0.95), (0.0, 0.42, -0.5)],
            [0.18, 0.2, 0.2],
            Shape(blend=0.3),
        ),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.06, 0.85), (0.0, 0.1, 1.1), (0.0, 0.14, 1.28), (0.0, 0.18, 1.45)],
            [0.5, 0.46, 0.42, 0.37],
            Shape(blend=0.25, squash=0.86),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 0.22, 1.5), (0.0, 0.16, 1.76)], [0.36, 0.29], Shape(blend=0.15, squash=0.9)),
        *chain("head", HEAD, [(0.14, -0.1, 1.55), (0.12, -0.14, 1.85)], [0.24, 0.16], Shape(blend=0.15)),
        *chain("head", HEAD, [(0.0, 0.12, 1.8), (0.0, -0.1, 2.2)], [0.26, 0.175], Shape(blend=0.15, squash=0.92)),
        *chain("head", HEAD, [(0.0, -0.16, 1.85), (0.0, -0.24, 2.3)], [0.16, 0.11], Shape(blend=0.12, squash=0.9)),
        *chain("muzzle", HEAD, [(0.0, -0.1, 2.2), (0.0, -0.16, 2.5)], [0.175, 0.155], Shape(blend=0.08)),
        *chain(
            "muzzle",
            HEAD,
            [(0.0, -0.16, 2.53), (0.0, -0.165, 2.56)],
            [0.215, 0.215],
            Shape(blend=0.03, squash=0.4, normal=(0.0, 0.15, 1.0)),
        ),
        *chain(
            "ear",
            HEAD,
            [(0.2, 0.46, 1.52), (0.34, 0.66, 1.6), (0.42, 0.72, 1.84)],
            [0.1, 0.17, 0.05],
            Shape(blend=0.04, squash=0.4, normal=(-0.3, -0.6, 1.0)),
        ),
    ]


def _tail() -> list[Solid]:
    # A curl lies in the mirror plane: animals are symmetric.
    ring = [(0.0, 0.3, -1.66), (0.0, 0.46, -1.78), (0.0, 0.6, -1.7), (0.0, 0.58, -1.54), (0.0, 0.47, -1.5)]
    return [
        *chain("tail", DOCK, [(0.0, 0.26, -1.44), (0.0, 0.3, -1.66)], [0.085, 0.065], Shape(blend=0.06)),
        *chain("tail", DOCK + 1, ring, [0.065, 0.06, 0.058, 0.055, 0.045], Shape(blend=0.02)),
    ]
