"""The average goat: a lean sheep without wool, horns that curve back, a beard, ears aside, a short tail held up."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.15, -0.9),
    (0.0, 0.2, -0.48),
    (0.0, 0.2, -0.06),
    (0.0, 0.15, 0.36),
    (0.0, 0.16, 0.78),
    (0.0, 0.46, 1.08),
    (0.0, 0.74, 1.26),
    (0.0, 0.96, 1.4),
]
_LANDMARKS = {
    "nose": (0.0, 0.52, 2.3),
    "left_eye": (0.22, 0.94, 1.74),
    "left_ear": (0.62, 0.98, 1.46),
    "throat": (0.0, 0.6, 1.56),
    "withers": (0.0, 0.66, 0.62),
    "tail_base": (0.0, 0.56, -1.36),
    "left_knee": (0.27, -0.95, 0.84),
    "left_hock": (0.27, -0.86, -1.3),
    "left_fore_hoof": (0.26, -1.66, 0.86),
    "left_hind_hoof": (0.26, -1.66, -0.84),
}


def goat() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.26, -0.02, 0.66), (0.27, -0.5, 0.63), (0.26, -0.94, 0.7), (0.26, -1.4, 0.66), (0.26, -1.58, 0.75)]
    hind = [(0.22, 0.06, -0.92), (0.27, -0.46, -0.76), (0.26, -0.88, -1.14), (0.26, -1.38, -1.06), (0.26, -1.58, -0.97)]
    limbs = legs(fore, hind, [0.28, 0.17, 0.105, 0.075, 0.09, 0.11], [0.35, 0.22, 0.1, 0.075, 0.09, 0.11])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.36, -1.36), (0.0, 0.56, -1.54)])
    return Average(
        _torso() + _neck() + _head() + limbs + _rear(),
        joints,
        ((0.155, 0.95, 1.7), 0.05),
        ((0.07, 0.58, 2.2), 0.032),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.06, -0.98), (0.0, 0.06, -0.5)], [0.46, 0.52], Shape(squash=0.82)),
        *chain(
            "torso",
            (2, 2),
            [(0.0, -0.04, -0.5), (0.0, -0.1, 0.0), (0.0, -0.06, 0.4)],
            [0.54, 0.59, 0.53],
            Shape(blend=0.2, squash=0.84),
        ),
        *chain("torso", 3, [(0.0, -0.04, 0.4), (0.0, 0.0, 0.82)], [0.53, 0.43], Shape(blend=0.2, squash=0.76)),
        *chain(
            "torso",
            (0, 1, 2, 3),
            [(0.0, 0.32, -1.26), (0.0, 0.42, -0.85), (0.0, 0.4, -0.3), (0.0, 0.4, 0.3), (0.0, 0.52, 0.66)],
            [0.12, 0.12, 0.11, 0.11, 0.12],
            Shape(blend=0.25),
        ),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.12, 0.82), (0.0, 0.42, 1.08), (0.0, 0.7, 1.26), (0.0, 0.94, 1.4)],
            [0.4, 0.3, 0.24, 0.2],
            Shape(blend=0.22, squash=0.68),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 1.0, 1.46), (0.0, 0.94, 1.64)], [0.21, 0.2], Shape(blend=0.08, squash=0.88)),
        *chain("head", HEAD, [(0.0, 0.9, 1.66), (0.0, 0.62, 2.02)], [0.185, 0.125], Shape(blend=0.1, squash=0.85)),
        *chain("head", HEAD, [(0.0, 0.74, 1.62), (0.0, 0.5, 1.96)], [0.13, 0.1], Shape(blend=0.1, squash=0.8)),
        *chain("muzzle", HEAD, [(0.0, 0.6, 2.02), (0.0, 0.52, 2.14)], [0.13, 0.12], Shape(blend=0.06)),
        *chain(
            "mane", HEAD, [(0.0, 0.42, 1.94), (0.0, 0.18, 1.96), (0.0, -0.08, 1.9)], [0.1, 0.1, 0.03], Shape(blend=0.05)
        ),
        *chain(
            "ear",
            HEAD,
            [(0.16, 1.04, 1.48), (0.36, 1.06, 1.46), (0.6, 0.97, 1.48)],
            [0.055, 0.115, 0.04],
            Shape(blend=0.03, squash=0.45, normal=(0.1, 0.4, 1.0)),
        ),
        *chain(
            "horn",
            HEAD,
            [(0.09, 1.16, 1.52), (0.13, 1.46, 1.46), (0.18, 1.68, 1.26), (0.23, 1.74, 0.98), (0.27, 1.62, 0.72)],
            [0.095, 0.09, 0.078, 0.062, 0.035],
            Shape(blend=0.03),
        ),
    ]


def _rear() -> list[Solid]:
    return [
        *chain("udder", 0, [(0.08, -0.46, -0.8), (0.08, -0.6, -0.7)], [0.17, 0.15], Shape(blend=0.1)),
        *chain("udder", 0, [(0.12, -0.64, -0.7), (0.13, -0.84, -0.68)], [0.06, 0.04], Shape(blend=0.04)),
        *chain(
            "tail",
            (DOCK, DOCK + 1),
            [(0.0, 0.36, -1.36), (0.0, 0.56, -1.54), (0.0, 0.74, -1.56)],
            [0.1, 0.11, 0.05],
            Shape(blend=0.06),
        ),
    ]
