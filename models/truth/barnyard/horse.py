"""The average horse: oval torso, tucked waist, arched neck with mane, long face, upright ears, full tail."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.2, -0.9),
    (0.0, 0.25, -0.45),
    (0.0, 0.25, -0.05),
    (0.0, 0.2, 0.35),
    (0.0, 0.15, 0.75),
    (0.0, 0.52, 1.08),
    (0.0, 0.9, 1.32),
    (0.0, 1.2, 1.5),
]
_LANDMARKS = {
    "nose": (0.0, 0.62, 2.4),
    "left_eye": (0.25, 1.1, 1.78),
    "left_ear": (0.12, 1.75, 1.57),
    "throat": (0.0, 0.7, 1.55),
    "withers": (0.0, 0.72, 0.6),
    "tail_base": (0.0, 0.6, -1.42),
    "left_knee": (0.28, -1.0, 0.85),
    "left_hock": (0.28, -0.92, -1.36),
    "left_fore_hoof": (0.26, -1.85, 0.95),
    "left_hind_hoof": (0.26, -1.85, -0.85),
}


def horse() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.27, 0.02, 0.66), (0.28, -0.46, 0.62), (0.26, -1.0, 0.7), (0.26, -1.54, 0.67), (0.26, -1.78, 0.8)]
    hind = [(0.22, 0.14, -0.94), (0.28, -0.42, -0.76), (0.26, -0.94, -1.2), (0.26, -1.54, -1.12), (0.26, -1.78, -0.99)]
    limbs = legs(fore, hind, [0.31, 0.19, 0.11, 0.075, 0.09, 0.12], [0.4, 0.25, 0.11, 0.075, 0.09, 0.12])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.44, -1.36), (0.0, 0.32, -1.6)])
    return Average(
        _torso() + _neck() + _head() + limbs + _rear(),
        joints,
        ((0.165, 1.09, 1.75), 0.05),
        ((0.075, 0.66, 2.28), 0.034),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.12, -0.98), (0.0, 0.1, -0.5)], [0.5, 0.47], Shape(squash=0.86)),
        *chain("torso", (2,), [(0.0, 0.02, -0.5), (0.0, -0.04, 0.35)], [0.46, 0.52], Shape(blend=0.2, squash=0.84)),
        *chain("torso", 3, [(0.0, -0.04, 0.35), (0.0, 0.0, 0.82)], [0.53, 0.45], Shape(blend=0.2, squash=0.78)),
        *chain(
            "torso",
            (0, 1, 2, 3),
            [(0.0, 0.4, -1.3), (0.0, 0.52, -0.9), (0.0, 0.44, -0.3), (0.0, 0.43, 0.25), (0.0, 0.54, 0.6)],
            [0.13, 0.12, 0.1, 0.1, 0.13],
            Shape(blend=0.25),
        ),
        *chain("torso", 3, [(0.14, -0.12, 0.95), (0.14, -0.3, 0.9)], [0.2, 0.18], Shape(blend=0.2)),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.12, 0.78), (0.0, 0.5, 1.08), (0.0, 0.88, 1.32), (0.0, 1.16, 1.46)],
            [0.46, 0.34, 0.26, 0.2],
            Shape(blend=0.25, squash=0.6),
        ),
        *chain(
            "mane",
            (4, 5, 6),
            [(0.0, 0.66, 0.66), (0.0, 0.98, 0.98), (0.0, 1.24, 1.2), (0.0, 1.4, 1.45)],
            [0.08, 0.14, 0.15, 0.1],
            Shape(blend=0.05, squash=0.6),
        ),
        *chain(
            "mane",
            (5, 6),
            [(0.17, 0.66, 0.98), (0.15, 0.96, 1.14), (0.1, 1.22, 1.34)],
            [0.1, 0.13, 0.1],
            Shape(blend=0.05, squash=0.5),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 1.2, 1.56), (0.0, 1.08, 1.7)], [0.19, 0.21], Shape(blend=0.1, squash=0.85)),
        *chain("head", HEAD, [(0.0, 0.94, 1.6), (0.0, 0.88, 1.72)], [0.18, 0.17], Shape(blend=0.1, squash=0.72)),
        *chain("head", HEAD, [(0.0, 1.06, 1.72), (0.0, 0.72, 2.08)], [0.19, 0.125], Shape(blend=0.12, squash=0.82)),
        *chain("muzzle", HEAD, [(0.0, 0.7, 2.08), (0.0, 0.6, 2.18)], [0.135, 0.135], Shape(blend=0.1)),
        *chain("muzzle", HEAD, [(0.0, 0.55, 2.08), (0.0, 0.53, 2.14)], [0.1, 0.1], Shape(blend=0.06)),
        *chain(
            "ear",
            HEAD,
            [(0.1, 1.34, 1.52), (0.13, 1.48, 1.53), (0.12, 1.68, 1.56)],
            [0.06, 0.085, 0.03],
            Shape(blend=0.04, squash=0.6, normal=(0.2, 0.0, 1.0)),
        ),
        *chain("mane", HEAD, [(0.0, 1.38, 1.56), (0.0, 1.22, 1.8)], [0.09, 0.06], Shape(blend=0.04, squash=0.8)),
    ]


def _rear() -> list[Solid]:
    return [
        *chain(
            "tail",
            (DOCK, DOCK + 1, DOCK + 1),
            [(0.0, 0.44, -1.36), (0.0, 0.32, -1.6), (0.0, -0.3, -1.74), (0.0, -1.05, -1.72)],
            [0.1, 0.13, 0.19, 0.08],
            Shape(blend=0.06, squash=0.85),
        ),
    ]
