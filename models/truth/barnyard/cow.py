"""The average cow: boxy torso with a flat back, deep belly, level neck, a wedge of a head, ears to the side, tuft."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.2, -0.95),
    (0.0, 0.25, -0.5),
    (0.0, 0.25, -0.05),
    (0.0, 0.2, 0.4),
    (0.0, 0.12, 0.85),
    (0.0, 0.24, 1.25),
    (0.0, 0.4, 1.52),
    (0.0, 0.5, 1.7),
]
_LANDMARKS = {
    "nose": (0.0, 0.0, 2.6),
    "left_eye": (0.26, 0.47, 1.98),
    "left_ear": (0.75, 0.53, 1.67),
    "throat": (0.0, 0.08, 1.72),
    "withers": (0.0, 0.65, 0.75),
    "tail_base": (0.0, 0.6, -1.42),
    "left_knee": (0.33, -0.95, 0.9),
    "left_hock": (0.33, -0.84, -1.4),
    "left_fore_hoof": (0.31, -1.7, 0.95),
    "left_hind_hoof": (0.31, -1.7, -0.95),
}


def cow() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.31, 0.0, 0.7), (0.33, -0.48, 0.66), (0.31, -0.95, 0.74), (0.31, -1.42, 0.7), (0.31, -1.62, 0.8)]
    hind = [(0.25, 0.12, -1.02), (0.33, -0.42, -0.86), (0.31, -0.86, -1.24), (0.31, -1.4, -1.18), (0.31, -1.62, -1.08)]
    limbs = legs(fore, hind, [0.32, 0.2, 0.125, 0.09, 0.105, 0.125], [0.4, 0.26, 0.12, 0.09, 0.105, 0.125])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.47, -1.36), (0.0, 0.3, -1.58)])
    return Average(
        _torso() + _neck() + _head() + limbs + _rear(),
        joints,
        ((0.195, 0.47, 1.99), 0.062),
        ((0.09, 0.09, 2.51), 0.04),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.08, -1.05), (0.0, 0.08, -0.6)], [0.52, 0.58], Shape(squash=0.84)),
        *chain(
            "torso",
            (2, 2),
            [(0.0, -0.06, -0.55), (0.0, -0.1, 0.0), (0.0, -0.04, 0.45)],
            [0.62, 0.66, 0.6],
            Shape(blend=0.2, squash=0.84),
        ),
        *chain("torso", 3, [(0.0, 0.0, 0.45), (0.0, 0.0, 0.9)], [0.58, 0.47], Shape(blend=0.2, squash=0.76)),
        *chain(
            "torso",
            (0, 1, 2, 3),
            [(0.0, 0.44, -1.32), (0.0, 0.5, -0.9), (0.0, 0.46, -0.3), (0.0, 0.45, 0.4), (0.0, 0.5, 0.85)],
            [0.12] * 5,
            Shape(blend=0.25),
        ),
        *chain("torso", 0, [(0.26, 0.42, -0.98), (0.22, 0.3, -1.38)], [0.13, 0.11], Shape(blend=0.16)),
        *chain("torso", 3, [(0.0, -0.42, 0.75), (0.0, -0.38, 1.05)], [0.2, 0.17], Shape(blend=0.25, squash=0.8)),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.1, 0.95), (0.0, 0.24, 1.25), (0.0, 0.4, 1.52), (0.0, 0.52, 1.72)],
            [0.43, 0.36, 0.29, 0.24],
            Shape(blend=0.22, squash=0.62),
        ),
        *chain(
            "neck",
            (4, 5),
            [(0.0, -0.25, 1.08), (0.0, -0.1, 1.38), (0.0, 0.18, 1.64)],
            [0.17, 0.14, 0.1],
            Shape(blend=0.18, squash=0.5),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 0.56, 1.78), (0.0, 0.4, 1.98)], [0.24, 0.235], Shape(blend=0.1, squash=0.95)),
        *chain("head", HEAD, [(0.0, 0.36, 2.02), (0.0, 0.06, 2.36)], [0.2, 0.155], Shape(blend=0.12, squash=0.9)),
        *chain("head", HEAD, [(0.0, 0.24, 1.82), (0.0, 0.0, 2.22)], [0.17, 0.12], Shape(blend=0.12, squash=0.8)),
        *chain("muzzle", HEAD, [(-0.06, 0.02, 2.36), (0.06, 0.02, 2.36)], [0.15, 0.15], Shape(blend=0.08)),
        *chain("muzzle", HEAD, [(0.0, -0.07, 2.31), (0.0, -0.07, 2.36)], [0.13, 0.13], Shape(blend=0.06)),
        *chain(
            "ear",
            HEAD,
            [(0.2, 0.6, 1.74), (0.44, 0.62, 1.7), (0.74, 0.54, 1.68)],
            [0.07, 0.155, 0.06],
            Shape(blend=0.04, squash=0.42, normal=(0.1, 0.25, 1.0)),
        ),
        *chain(
            "horn",
            HEAD,
            [(0.13, 0.73, 1.74), (0.34, 0.84, 1.74), (0.47, 1.02, 1.8), (0.47, 1.16, 1.86)],
            [0.085, 0.075, 0.055, 0.03],
            Shape(blend=0.03),
        ),
    ]


def _rear() -> list[Solid]:
    return [
        *chain("udder", 0, [(0.1, -0.55, -0.82), (0.1, -0.66, -0.68)], [0.22, 0.2], Shape(blend=0.1)),
        *chain("udder", 0, [(0.14, -0.72, -0.68), (0.15, -0.93, -0.66)], [0.06, 0.04], Shape(blend=0.04)),
        *chain(
            "tail",
            (DOCK, DOCK + 1, DOCK + 1),
            [(0.0, 0.47, -1.36), (0.0, 0.3, -1.58), (0.0, -0.2, -1.64), (0.0, -0.62, -1.64)],
            [0.09, 0.07, 0.06, 0.06],
            Shape(blend=0.08),
        ),
        *chain(
            "tail",
            DOCK + 1,
            [(0.0, -0.62, -1.64), (0.0, -0.86, -1.65), (0.0, -1.08, -1.62)],
            [0.07, 0.12, 0.05],
            Shape(blend=0.05),
        ),
    ]
