"""The average llama: a woolly body on straight legs, a long woolly neck straight up, a small face, banana ears."""

from models.truth.barnyard.average import Average, legs, rig_joints
from models.truth.barnyard.rig import DOCK, FORE, HEAD, HIND
from models.truth.barnyard.solids import Shape, Solid, chain

_SPINE = [
    (0.0, 0.12, -0.9),
    (0.0, 0.16, -0.48),
    (0.0, 0.16, -0.06),
    (0.0, 0.14, 0.36),
    (0.0, 0.2, 0.78),
    (0.0, 0.82, 1.0),
    (0.0, 1.4, 1.1),
    (0.0, 1.9, 1.18),
]
_LANDMARKS = {
    "nose": (0.0, 1.82, 2.02),
    "left_eye": (0.24, 2.12, 1.52),
    "left_ear": (0.16, 2.56, 1.22),
    "throat": (0.0, 1.66, 1.42),
    "withers": (0.0, 0.72, 0.55),
    "tail_base": (0.0, 0.52, -1.5),
    "left_knee": (0.27, -1.02, 0.78),
    "left_hock": (0.27, -0.94, -1.26),
    "left_fore_hoof": (0.26, -1.82, 0.82),
    "left_hind_hoof": (0.26, -1.82, -0.8),
}


def llama() -> Average:
    """Solids of the left half, joints and landmarks, before scaling."""
    fore = [(0.27, -0.05, 0.58), (0.28, -0.52, 0.58), (0.27, -1.02, 0.63), (0.26, -1.56, 0.6), (0.26, -1.74, 0.71)]
    hind = [(0.23, 0.0, -0.88), (0.28, -0.5, -0.74), (0.27, -0.94, -1.08), (0.26, -1.54, -1.0), (0.26, -1.74, -0.9)]
    limbs = legs(fore, hind, [0.27, 0.17, 0.11, 0.085, 0.095, 0.11], [0.34, 0.22, 0.11, 0.085, 0.095, 0.11])
    joints = rig_joints(_SPINE, [fore[0], *fore[2:4]], hind[:3], [(0.0, 0.34, -1.44), (0.0, 0.3, -1.64)])
    return Average(
        _torso() + _neck() + _head() + limbs + _tail(),
        joints,
        ((0.135, 2.08, 1.46), 0.052),
        ((0.06, 1.86, 1.94), 0.03),
        _LANDMARKS,
    )


def _torso() -> list[Solid]:
    return [
        *chain(
            "torso",
            (0, 1),
            [(0.0, 0.04, -1.0), (0.0, 0.08, -0.5), (0.0, 0.04, 0.0)],
            [0.5, 0.56, 0.58],
            Shape(blend=0.2, squash=0.9, fluff=0.07),
        ),
        *chain(
            "torso",
            (2, 3),
            [(0.0, 0.04, 0.0), (0.0, 0.02, 0.4), (0.0, 0.06, 0.76)],
            [0.58, 0.57, 0.46],
            Shape(blend=0.2, squash=0.88, fluff=0.07),
        ),
        *chain("torso", FORE, [(0.27, -0.35, 0.58), (0.28, -0.66, 0.6)], [0.24, 0.16], Shape(blend=0.12, fluff=0.05)),
        *chain("torso", HIND, [(0.26, -0.2, -0.86), (0.28, -0.62, -0.86)], [0.34, 0.21], Shape(blend=0.12, fluff=0.05)),
    ]


def _neck() -> list[Solid]:
    return [
        *chain(
            "neck",
            (4, 5, 6),
            [(0.0, 0.2, 0.74), (0.0, 0.82, 0.98), (0.0, 1.4, 1.1), (0.0, 1.88, 1.18)],
            [0.42, 0.3, 0.25, 0.21],
            Shape(blend=0.2, squash=0.84, fluff=0.05),
        ),
    ]


def _head() -> list[Solid]:
    return [
        *chain("neck", HEAD, [(0.0, 2.1, 1.16), (0.0, 2.14, 1.28)], [0.17, 0.14], Shape(blend=0.06, fluff=0.04)),
        *chain("head", HEAD, [(0.0, 2.04, 1.24), (0.0, 2.02, 1.42)], [0.19, 0.18], Shape(blend=0.06, squash=0.9)),
        *chain("head", HEAD, [(0.0, 2.0, 1.42), (0.0, 1.88, 1.74)], [0.17, 0.12], Shape(blend=0.1, squash=0.86)),
        *chain("muzzle", HEAD, [(0.0, 1.87, 1.74), (0.0, 1.83, 1.88)], [0.125, 0.115], Shape(blend=0.06)),
        *chain("muzzle", HEAD, [(0.0, 1.78, 1.72), (0.0, 1.76, 1.82)], [0.1, 0.09], Shape(blend=0.05)),
        *chain(
            "ear",
            HEAD,
            [(0.11, 2.2, 1.2), (0.19, 2.42, 1.18), (0.15, 2.64, 1.24)],
            [0.06, 0.095, 0.03],
            Shape(blend=0.03, squash=0.55, normal=(0.2, 0.0, 1.0)),
        ),
    ]


def _tail() -> list[Solid]:
    return [
        *chain(
            "tail",
            (DOCK, DOCK + 1),
            [(0.0, 0.34, -1.44), (0.0, 0.3, -1.64), (0.0, -0.04, -1.72)],
            [0.13, 0.15, 0.08],
            Shape(blend=0.08, fluff=0.04),
        ),
    ]
