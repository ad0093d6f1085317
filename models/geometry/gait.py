"""A walk cycle for any heuristic skeleton, as bone angles."""

from math import pi, radians

import torch
from jaxtyping import Float
from torch import Tensor

from models.core.category import Skeleton

SWING = radians(18)
"""The top of a leg swings this far both ways; positive angles carry the foot towards -z."""
FLEX = radians(26)
"""A leg folds this far while it comes forward."""
NOD = radians(3)
"""Head and rump nod this far, twice a cycle."""
SWAY = radians(5)
"""The middle of the spine bends sideways this far, once a cycle."""
FOOTFALL = {4: (0.25, 0.0, 0.5, 0.75), 2: (0.0, 0.5), 0: ()}
"""Share of the cycle after which each leg follows: a lateral-sequence walk, hind then fore of one side."""


def walk(skeleton: Skeleton, frames: int) -> Float[Tensor, "{frames} bones 3"]:
    """One cycle towards +z; the last frame is the first again."""
    phase = torch.linspace(0, 2 * pi, frames)
    angles = torch.zeros(frames, skeleton.bones, 3)
    for leg, later in enumerate(FOOTFALL[skeleton.legs]):
        foot = skeleton.body_bones + 3 * leg
        turn = phase - 2 * pi * later
        lifted = (-turn.cos()).clamp(min=0)
        angles[:, foot + 2, 0] = SWING * turn.sin() - 0.4 * FLEX * lifted
        angles[:, foot + 1, 0] = FLEX * lifted
        angles[:, foot, 0] = 0.5 * FLEX * lifted
    angles[:, :2, 0] = NOD * (2 * phase).sin()[:, None]
    angles[:, skeleton.body_bones // 2, 1] = SWAY * phase.sin()
    return angles
