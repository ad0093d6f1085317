"""A walk for any guessed skeleton, as bone angles: the clip that shows that the rig works."""

from math import pi, radians

import torch
from jaxtyping import Float
from torch import Tensor

from models.category import Skeleton

SWING = radians(24)
"""The top of a leg swings this far both ways; positive angles carry the foot towards -z."""
FLEX = radians(32)
"""A leg folds this far while it comes forward."""
NOD = radians(3)
SWAY = radians(5)
FOOTFALL = {4: (0.25, 0.0, 0.5, 0.75), 2: (0.0, 0.5), 0: ()}
"""Share of the cycle by which each leg is ahead: a lateral-sequence walk, hind then fore of one side."""


def walk(skeleton: Skeleton, frames: int, backward: bool = False) -> Float[Tensor, "{frames} bones 3"]:
    """One cycle; the last frame is the first again. `backward` is for a rig whose head is at -z."""
    phase = torch.linspace(0, 2 * pi, frames)
    angles = torch.zeros(frames, skeleton.bones, 3)
    direction = -1.0 if backward else 1.0
    for leg, ahead in enumerate(FOOTFALL[skeleton.legs]):
        foot = skeleton.body_bones + 3 * leg
        turn = phase + 2 * pi * ahead
        lifted = (-turn.cos()).clamp(min=0)
        angles[:, foot + 2, 0] = direction * (SWING * turn.sin() - 0.4 * FLEX * lifted)
        angles[:, foot + 1, 0] = direction * FLEX * lifted
        angles[:, foot, 0] = direction * 0.5 * FLEX * lifted
    half = skeleton.body_bones // 2
    head, tail = (half, 0) if backward else (0, half)
    angles[:, head : head + 2, 0] = NOD * (2 * phase).sin()[:, None]
    angles[:, tail, 1] = SWAY * phase.sin()
    return angles
