"""The average donkey: a small horse with a straight back, a heavy head, very long ears, a brush of a mane, a tuft."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.2, -0.92),
    (0.0, 0.24, -0.48),
    (0.0, 0.24, -0.06),
    (0.0, 0.2, 0.36),
    (0.0, 0.16, 0.78),
    (0.0, 0.46, 1.1),
    (0.0, 0.74, 1.34),
    (0.0, 0.98, 1.52),
]
_LANDMARKS = {
    "nose": (0.0, 0.3, 2.44),
    "left_eye": (0.26, 0.88, 1.84),
    "left_ear": (0.3, 1.86, 1.52),
    "throat": (0.0, 0.46, 1.6),
    "withers": (0.0, 0.66, 0.62),
    "tail_base": (0.0, 0.56, -1.42),
    "left_knee": (0.28, -0.95, 0.88),
    "left_hock": (0.28, -0.86, -1.36),
    "left_fore_hoof": (0.26, -1.72, 0.94),
    "left_hind_hoof": (0.26, -1.72, -0.88),
}


def donkey() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.27, 0.0, 0.68), (0.28, -0.46, 0.64), (0.27, -0.94, 0.72), (0.26, -1.42, 0.68), (0.26, -1.65, 0.79)]
    hind = [(0.22, 0.12, -0.96), (0.28, -0.42, -0.78), (0.27, -0.88, -1.2), (0.26, -1.42, -1.12), (0.26, -1.65, -1.0)]
    limbs = legs(fore, hind, [0.3, 0.18, 0.11, 0.08, 0.09, 0.115], [0.38, 0.24, 0.11, 0.08, 0.09, 0.115])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.42, -1.36), (0.0, 0.26, -1.56)])
    return Average(
        _torso() + _neck() + _head() + limbs + _tail(),
        joints,
        ((0.175, 0.89, 1.8), 0.052),
        ((0.08, 0.36, 2.34), 0.036),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.08, -0.98), (0.0, 0.06, -0.5)], [0.5, 0.52], Shape(squash=0.84)),
        *chain(
            "torso",
            (2, 2),
            [(0.0, -0.04, -0.5), (0.0, -0.1, 0.0), (0.0, -0.05, 0.4)],
            [0.54, 0.58, 0.55],
            Shape(blend=0.2, squash=0.86),
        ),
        *chain("torso", 3, [(0.0, -0.04, 0.36), (0.0, 0.0, 0.82)], [0.54, 0.44], Shape(blend=0.2, squash=0.78)),
        *chain(
            "torso",
            (0, 1, 2, 3),
            [(0.0, 0.38, -1.3), (0.0, 0.46, -0.9), (0.0, 0.44, -0.3), (0.0, 0.44, 0.25), (0.0, 0.5, 0.62)],
            [0.13, 0.12, 0.11, 0.11, 0.12],
            Shape(blend=0.25),
        ),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.1, 0.82), (0.0, 0.42, 1.1), (0.0, 0.7, 1.34), (0.0, 0.94, 1.5)],
            [0.43, 0.32, 0.26, 0.22],
            Shape(blend=0.24, squash=0.62),
        ),
        *chain(
            "mane",
            (4, 5, 6),
            [(0.0, 0.62, 0.78), (0.0, 0.84, 1.0), (0.0, 1.08, 1.22), (0.0, 1.26, 1.42)],
            [0.07, 0.12, 0.13, 0.1],
            Shape(blend=0.03, squash=0.6),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 1.0, 1.58), (0.0, 0.88, 1.74)], [0.23, 0.235], Shape(blend=0.1, squash=0.85)),
        *chain("head", HEAD, [(0.0, 0.74, 1.62), (0.0, 0.66, 1.78)], [0.19, 0.18], Shape(blend=0.1, squash=0.76)),
        *chain("head", HEAD, [(0.0, 0.84, 1.78), (0.0, 0.46, 2.12)], [0.205, 0.145], Shape(blend=0.12, squash=0.84)),
        *chain("muzzle", HEAD, [(0.0, 0.44, 2.12), (0.0, 0.34, 2.24)], [0.155, 0.155], Shape(blend=0.1)),
        *chain("muzzle", HEAD, [(0.0, 0.3, 2.12), (0.0, 0.27, 2.2)], [0.115, 0.115], Shape(blend=0.06)),
        *chain(
            "ear",
            HEAD,
            [(0.12, 1.16, 1.52), (0.2, 1.44, 1.48), (0.27, 1.72, 1.48), (0.3, 1.98, 1.52)],
            [0.075, 0.125, 0.12, 0.035],
            Shape(blend=0.04, squash=0.5, normal=(0.2, 0.0, 1.0)),
        ),
        *chain("mane", HEAD, [(0.0, 1.24, 1.5), (0.0, 1.14, 1.72)], [0.1, 0.06], Shape(blend=0.03, squash=0.8)),
    ]


def _tail() -> list[Solid]:
    return [
        *chain(
            "tail",
            (DOCK, DOCK + 1, DOCK + 1),
            [(0.0, 0.42, -1.36), (0.0, 0.26, -1.56), (0.0, -0.2, -1.62), (0.0, -0.56, -1.62)],
            [0.09, 0.075, 0.06, 0.06],
            Shape(blend=0.06),
        ),
        *chain(
            "tail",
            DOCK + 1,
            [(0.0, -0.5, -1.62), (0.0, -0.8, -1.63), (0.0, -1.06, -1.6)],
            [0.07, 0.125, 0.06],
            Shape(blend=0.05),
        ),
    ]
