"""The average deer: a slim body on long thin legs, a slender neck carried up, branching antlers, a stump of a tail."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, HEAD
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.18, -0.95),
    (0.0, 0.22, -0.5),
    (0.0, 0.22, -0.06),
    (0.0, 0.18, 0.36),
    (0.0, 0.2, 0.78),
    (0.0, 0.62, 1.06),
    (0.0, 1.02, 1.24),
    (0.0, 1.36, 1.38),
]
_LANDMARKS = {
    "nose": (0.0, 1.0, 2.3),
    "left_eye": (0.24, 1.4, 1.72),
    "left_ear": (0.56, 1.66, 1.36),
    "throat": (0.0, 1.02, 1.52),
    "withers": (0.0, 0.66, 0.6),
    "tail_base": (0.0, 0.48, -1.46),
    "left_knee": (0.24, -1.08, 0.82),
    "left_hock": (0.24, -0.98, -1.36),
    "left_fore_hoof": (0.23, -2.0, 0.84),
    "left_hind_hoof": (0.23, -2.0, -0.88),
}


def deer() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.24, 0.02, 0.64), (0.25, -0.5, 0.62), (0.24, -1.08, 0.7), (0.23, -1.72, 0.66), (0.23, -1.93, 0.74)]
    hind = [(0.2, 0.12, -0.96), (0.25, -0.46, -0.76), (0.24, -1.0, -1.22), (0.23, -1.7, -1.1), (0.23, -1.93, -1.01)]
    limbs = legs(fore, hind, [0.27, 0.16, 0.085, 0.062, 0.072, 0.09], [0.36, 0.22, 0.085, 0.062, 0.072, 0.09])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.4, -1.38), (0.0, 0.34, -1.56)])
    return Average(
        _torso() + _neck() + _head() + _antlers() + limbs + _tail(),
        joints,
        ((0.14, 1.37, 1.66), 0.05),
        ((0.06, 1.03, 2.2), 0.03),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain("torso", (1,), [(0.0, 0.12, -1.02), (0.0, 0.1, -0.52)], [0.44, 0.43], Shape(squash=0.84)),
        *chain("torso", (2,), [(0.0, 0.06, -0.5), (0.0, 0.0, 0.35)], [0.42, 0.48], Shape(blend=0.2, squash=0.82)),
        *chain("torso", 3, [(0.0, 0.0, 0.35), (0.0, 0.04, 0.8)], [0.49, 0.4], Shape(blend=0.2, squash=0.76)),
        *chain(
            "torso",
            (0, 1, 2, 3),
            [(0.0, 0.36, -1.28), (0.0, 0.46, -0.9), (0.0, 0.42, -0.3), (0.0, 0.42, 0.25), (0.0, 0.5, 0.6)],
            [0.12, 0.11, 0.09, 0.09, 0.12],
            Shape(blend=0.25),
        ),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.16, 0.8), (0.0, 0.58, 1.06), (0.0, 0.98, 1.24), (0.0, 1.32, 1.38)],
            [0.38, 0.25, 0.19, 0.165],
            Shape(blend=0.24, squash=0.66),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("head", HEAD, [(0.0, 1.4, 1.42), (0.0, 1.35, 1.58)], [0.185, 0.185], Shape(blend=0.08, squash=0.88)),
        *chain("head", HEAD, [(0.0, 1.32, 1.6), (0.0, 1.08, 1.98)], [0.17, 0.105], Shape(blend=0.1, squash=0.84)),
        *chain("head", HEAD, [(0.0, 1.2, 1.56), (0.0, 1.0, 1.9)], [0.12, 0.085], Shape(blend=0.1, squash=0.8)),
        *chain("muzzle", HEAD, [(0.0, 1.07, 1.98), (0.0, 1.0, 2.14)], [0.105, 0.095], Shape(blend=0.05)),
        *chain(
            "ear",
            HEAD,
            [(0.14, 1.5, 1.4), (0.32, 1.6, 1.36), (0.56, 1.68, 1.36)],
            [0.05, 0.125, 0.035],
            Shape(blend=0.03, squash=0.42, normal=(-0.2, 0.3, 1.0)),
        ),
    ]


def _antlers() -> list[Solid]:
    beam = [(0.09, 1.54, 1.46), (0.18, 1.8, 1.34), (0.42, 2.08, 1.2), (0.56, 2.4, 1.24), (0.5, 2.68, 1.4)]
    tines = [
        [(0.12, 1.64, 1.42), (0.16, 1.74, 1.66), (0.17, 1.92, 1.78)],
        [(0.3, 1.95, 1.26), (0.3, 2.12, 1.48), (0.28, 2.32, 1.58)],
        [(0.53, 2.3, 1.22), (0.68, 2.5, 1.1), (0.7, 2.66, 1.04)],
    ]
    return [
        *chain("horn", HEAD, beam, [0.08, 0.072, 0.066, 0.06, 0.035], Shape(blend=0.03)),
        *(solid for tine in tines for solid in chain("horn", HEAD, tine, [0.06, 0.055, 0.03], Shape(blend=0.03))),
    ]


def _tail() -> list[Solid]:
    return [
        *chain(
            "tail",
            (DOCK, DOCK + 1),
            [(0.0, 0.4, -1.38), (0.0, 0.3, -1.54), (0.0, 0.08, -1.58)],
            [0.1, 0.1, 0.05],
            Shape(blend=0.06),
        ),
    ]
