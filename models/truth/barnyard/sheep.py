"""The average sheep: a fleece on thin legs, a small bare face under a woolly cap, ears out and down, short tail."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, FORE, HEAD, HIND
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.1, -0.85),
    (0.0, 0.15, -0.45),
    (0.0, 0.15, -0.05),
    (0.0, 0.1, 0.35),
    (0.0, 0.1, 0.7),
    (0.0, 0.36, 1.08),
    (0.0, 0.54, 1.2),
    (0.0, 0.7, 1.32),
]
_LANDMARKS = {
    "nose": (0.0, 0.36, 2.1),
    "left_eye": (0.22, 0.7, 1.6),
    "left_ear": (0.6, 0.62, 1.35),
    "throat": (0.0, 0.42, 1.52),
    "withers": (0.0, 0.8, 0.6),
    "tail_base": (0.0, 0.5, -1.5),
    "left_knee": (0.28, -0.95, 0.75),
    "left_hock": (0.28, -0.84, -1.2),
    "left_fore_hoof": (0.26, -1.5, 0.78),
    "left_hind_hoof": (0.26, -1.5, -0.75),
}


def sheep() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.26, -0.1, 0.56), (0.27, -0.52, 0.55), (0.26, -0.95, 0.6), (0.26, -1.3, 0.57), (0.26, -1.45, 0.65)]
    hind = [(0.22, -0.05, -0.84), (0.27, -0.5, -0.72), (0.26, -0.85, -1.02), (0.26, -1.28, -0.96), (0.26, -1.45, -0.88)]
    limbs = legs(fore, hind, [0.25, 0.15, 0.095, 0.075, 0.085, 0.1], [0.32, 0.2, 0.095, 0.075, 0.085, 0.1])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.3, -1.5), (0.0, 0.1, -1.66)])
    return Average(
        _torso() + _head() + limbs + _rear(), joints, ((0.155, 0.71, 1.56), 0.05), ((0.06, 0.46, 2.0), 0.03), _LANDMARKS
    )


def _torso() -> list[Solid]:
    return [
        *chain(
            "torso",
            (0, 1),
            [(0.0, 0.02, -1.0), (0.0, 0.06, -0.5), (0.0, 0.02, 0.0)],
            [0.56, 0.64, 0.66],
            Shape(blend=0.2, squash=0.94, fluff=0.075),
        ),
        *chain(
            "torso",
            (2, 3),
            [(0.0, 0.02, 0.0), (0.0, 0.04, 0.4), (0.0, 0.04, 0.8)],
            [0.66, 0.63, 0.52],
            Shape(blend=0.2, squash=0.94, fluff=0.075),
        ),
        *chain(
            "torso",
            (4, 5, 6),
            [(0.0, 0.16, 0.85), (0.0, 0.38, 1.1), (0.0, 0.54, 1.22), (0.0, 0.66, 1.3)],
            [0.46, 0.36, 0.3, 0.24],
            Shape(blend=0.2, squash=0.9, fluff=0.06),
        ),
        *chain("torso", HEAD, [(0.0, 0.86, 1.3), (0.0, 0.86, 1.42)], [0.17, 0.14], Shape(blend=0.06, fluff=0.05)),
        *chain("torso", FORE, [(0.28, -0.35, 0.55), (0.27, -0.62, 0.56)], [0.26, 0.17], Shape(blend=0.12, fluff=0.06)),
        *chain("torso", HIND, [(0.26, -0.2, -0.85), (0.28, -0.55, -0.86)], [0.38, 0.24], Shape(blend=0.12, fluff=0.06)),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 0.74, 1.36), (0.0, 0.66, 1.52)], [0.2, 0.19], Shape(blend=0.05, squash=0.85)),
        *chain("head", HEAD, [(0.0, 0.64, 1.54), (0.0, 0.42, 1.84)], [0.17, 0.12], Shape(blend=0.1, squash=0.85)),
        *chain("muzzle", HEAD, [(0.0, 0.42, 1.84), (0.0, 0.37, 1.9)], [0.125, 0.115], Shape(blend=0.06)),
        *chain(
            "ear",
            HEAD,
            [(0.15, 0.8, 1.4), (0.32, 0.78, 1.38), (0.54, 0.66, 1.36)],
            [0.05, 0.115, 0.045],
            Shape(blend=0.03, squash=0.45, normal=(0.2, 0.6, 1.0)),
        ),
    ]


def _rear() -> list[Solid]:
    return [
        *chain(
            "tail",
            (DOCK, DOCK + 1),
            [(0.0, 0.3, -1.5), (0.0, 0.1, -1.66), (0.0, -0.28, -1.7)],
            [0.13, 0.14, 0.1],
            Shape(blend=0.1, fluff=0.04),
        ),
    ]
