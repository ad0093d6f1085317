"""The average dog: a deep chest and a tucked belly, a domed head with a muzzle set off, ears, paws, a tail held up."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.16, -0.95),
    (0.0, 0.2, -0.5),
    (0.0, 0.2, -0.06),
    (0.0, 0.16, 0.36),
    (0.0, 0.18, 0.76),
    (0.0, 0.44, 1.0),
    (0.0, 0.7, 1.16),
    (0.0, 0.94, 1.3),
]
_LANDMARKS = {
    "nose": (0.0, 0.88, 2.42),
    "left_eye": (0.24, 0.99, 1.86),
    "left_ear": (0.3, 1.42, 1.42),
    "throat": (0.0, 0.56, 1.48),
    "withers": (0.0, 0.6, 0.62),
    "tail_base": (0.0, 0.46, -1.36),
    "left_knee": (0.26, -0.98, 0.78),
    "left_hock": (0.27, -0.98, -1.44),
    "left_fore_hoof": (0.26, -1.7, 0.98),
    "left_hind_hoof": (0.27, -1.7, -0.98),
}


def dog() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.24, -0.02, 0.66), (0.26, -0.5, 0.56), (0.26, -0.98, 0.66), (0.26, -1.46, 0.64), (0.26, -1.6, 0.86)]
    hind = [(0.2, 0.02, -0.96), (0.26, -0.5, -0.74), (0.27, -0.98, -1.3), (0.27, -1.46, -1.2), (0.27, -1.6, -1.0)]
    limbs = legs(fore, hind, [0.28, 0.17, 0.115, 0.095, 0.115, 0.125], [0.36, 0.23, 0.105, 0.09, 0.115, 0.125])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.3, -1.34), (0.0, 0.42, -1.62)])
    return Average(
        _torso() + _neck() + _head() + limbs + _tail(),
        joints,
        ((0.13, 1.0, 1.74), 0.05),
        ((0.05, 0.77, 2.36), 0.03),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.06, -1.0), (0.0, 0.12, -0.5)], [0.4, 0.36], Shape(squash=0.86)),
        *chain("torso", (2,), [(0.0, 0.1, -0.5), (0.0, -0.04, 0.3)], [0.37, 0.5], Shape(blend=0.2, squash=0.82)),
        *chain("torso", 3, [(0.0, -0.06, 0.3), (0.0, -0.02, 0.78)], [0.52, 0.42], Shape(blend=0.2, squash=0.76)),
        *chain(
            "torso",
            (0, 1, 2, 3),
            [(0.0, 0.28, -1.26), (0.0, 0.36, -0.9), (0.0, 0.36, -0.3), (0.0, 0.36, 0.3), (0.0, 0.46, 0.62)],
            [0.12, 0.12, 0.11, 0.11, 0.12],
            Shape(blend=0.25),
        ),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.12, 0.8), (0.0, 0.4, 1.02), (0.0, 0.66, 1.16), (0.0, 0.9, 1.3)],
            [0.4, 0.31, 0.26, 0.23],
            Shape(blend=0.22, squash=0.76),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 1.02, 1.38), (0.0, 1.02, 1.6)], [0.27, 0.25], Shape(blend=0.1, squash=0.94)),
        *chain("head", HEAD, [(0.12, 0.86, 1.46), (0.08, 0.82, 1.66)], [0.19, 0.15], Shape(blend=0.1)),
        *chain("muzzle", HEAD, [(0.0, 0.84, 1.7), (0.0, 0.77, 2.2)], [0.165, 0.115], Shape(blend=0.08, squash=0.92)),
        *chain("muzzle", HEAD, [(0.0, 0.74, 1.7), (0.0, 0.66, 2.08)], [0.12, 0.085], Shape(blend=0.06)),
        *chain("nostril", HEAD, [(-0.03, 0.83, 2.27), (0.03, 0.83, 2.27)], [0.075, 0.075], Shape(blend=0.02)),
        *chain(
            "ear",
            HEAD,
            [(0.17, 1.2, 1.36), (0.26, 1.36, 1.36), (0.29, 1.56, 1.4)],
            [0.08, 0.11, 0.03],
            Shape(blend=0.04, squash=0.5, normal=(0.35, 0.0, 1.0)),
        ),
    ]


def _tail() -> list[Solid]:
    return [
        *chain(
            "tail",
            (DOCK, DOCK + 1, DOCK + 1),
            [(0.0, 0.3, -1.34), (0.0, 0.42, -1.62), (0.0, 0.78, -1.84), (0.0, 1.2, -1.84)],
            [0.1, 0.1, 0.1, 0.045],
            Shape(blend=0.06),
        ),
    ]
