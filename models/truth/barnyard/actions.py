"""Bone angles of an animal that stands, walks, runs or grazes.

Angles follow the object frame: a positive turn about x lowers what points forward and carries a foot backward; a
positive turn about y bends the body to its left.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.truth.barnyard.rig import BONES, DOCK, FORE, HEAD, LEGS, bone_motions

Action = Literal["standing", "walking", "running", "grazing"]
ACTIONS: tuple[Action, ...] = get_args(Action)
FREQUENCY = (0.4, 0.4, 0.1, 0.1)
"""How often each action is met."""

_BEAT = {
    "walking": (0.25, 0.75, 0.0, 0.5),
    "running": (0.35, 0.5, 0.9, 0.0),
}
"""Phase of each leg of `rig.LEGS`: a four-beat lateral walk, a transverse gallop."""
_SWING = {"walking": (0.34, 0.55), "running": (0.58, 1.1)}
"""Amplitudes, radians: of the leg about its top, and of the folding in mid swing."""


def _leg(fore: bool, phase: float, swing: float, fold: float) -> tuple[float, float, float]:
    """Turns of the upper, middle and lower bone at a phase in [0, 1); the foot is in the air from 0 to 0.5."""
    turn = 2 * np.pi * phase
    reach = swing * np.cos(turn)
    lift = fold * max(0.0, np.sin(turn))
    if fore:
        return reach - 0.35 * lift, 1.1 * lift, 0.5 * lift
    return 0.9 * reach - 0.5 * lift, 0.9 * lift, -0.5 * lift


def _head_down(
    joints: Float[ndarray, "bones 3"], nose: Float[ndarray, " 3"], height: float
) -> Float[ndarray, "bones 3"]:
    """Angles that lower the nose to `height`, by bisection on how far the neck bends."""
    full = np.zeros((len(BONES), 3))
    full[3 : HEAD + 1, 0] = (0.12, 0.75, 0.3, 0.15, -0.35)
    low, high = 0.0, 1.7
    for _ in range(12):
        share = (low + high) / 2
        T_posed_rest = bone_motions(joints, full * share)[HEAD]
        reached = (T_posed_rest[:3, :3] @ nose + T_posed_rest[:3, 3])[1]
        low, high = (share, high) if reached > height else (low, share)
    return full * low


def pose(
    action: Action,
    joints: Float[ndarray, "bones 3"],
    nose: Float[ndarray, " 3"],
    ground: float,
    random: np.random.Generator,
) -> Float[ndarray, "bones 3"]:
    """One moment of the action, with a little unrest in every joint."""
    angles = np.zeros((len(BONES), 3))
    unrest = random.normal(size=(len(BONES), 3)).clip(-2, 2)
    if action in _BEAT:
        cycle, strength = random.random(), random.uniform(0.8, 1.15)
        swing, fold = _SWING[action]
        for leg in range(len(LEGS)):
            phase = (cycle + _BEAT[action][leg]) % 1
            angles[FORE + 3 * leg : FORE + 3 * leg + 3, 0] = _leg(leg < 2, phase, swing * strength, fold * strength)
        gallop = action == "running"
        angles[0, 0] = 0.07 * np.sin(2 * np.pi * cycle) * gallop
        angles[4:HEAD, 0] = 0.05 * np.sin(4 * np.pi * cycle) + 0.08 * gallop
        angles[DOCK, 0] = 0.5 * gallop
    else:
        angles[FORE:DOCK:3, 0] = 0.09 * unrest[FORE:DOCK:3, 0]
        if action == "grazing":
            angles += _head_down(joints, nose, ground + random.uniform(0.03, 0.2))
            angles[FORE, 0] -= random.uniform(0, 0.3)
        else:
            angles[4:HEAD, 0] += 0.1 * unrest[4, 0]
    calm = 0.3 if action == "grazing" else 1.0
    angles[1:4, 1] += 0.03 * unrest[1, 1]
    angles[4:HEAD, 1] += calm * 0.13 * unrest[4, 1]
    angles[HEAD] += calm * unrest[HEAD] * (0.08, 0.15, 0.04)
    angles[DOCK:, 2] += 0.12 * unrest[DOCK, 2]
    angles[DOCK:, 0] += 0.08 * abs(unrest[DOCK, 0])
    return angles
