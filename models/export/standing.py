"""What an animal does where it stands, its hooves on the ground: it looks about, or grazes."""

from math import tau

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.export.limbs import rotation_x, rotation_y, rotation_z
from models.export.motions import Body, Motion, carry, place_step, plant

CALM_KEYS = 12
"""Keys a second."""
NOSE = 0.03
"""Height of the nose of an animal that grazes, of the shoulder's, where its neck is long enough."""
BOW = {"pelvis": 0.04, "spine_02": 0.13, "spine_03": 0.28, "neck_01": 0.12, "neck_02": 0.17}
"""How far each bone bends down at most, radians: the withers most, where trunk and neck are long, and the throat, which
would fold, least."""
AHEAD = {(True, 1): 0.08, (True, -1): -0.06, (False, 1): -0.05}
"""How far before its rest each hoof (fore, side) of an animal that grazes stands, of the shoulder's height."""


def idle(animal: Body, seconds: float = 4.0) -> Motion:
    """Standing: it breathes, looks about, shifts its weight and swishes its tail."""
    cycle = np.linspace(0, 1, round(seconds * CALM_KEYS) + 1)
    turn, height = tau * cycle, animal.height
    breath, look, weight = np.sin(2 * turn), np.sin(turn), np.sin(turn + 0.7)
    shift = np.stack((0.008 * height * weight, 0.003 * height * (breath - 1), 0 * turn), -1)
    turns = {
        "spine_02": rotation_x(0.006 * breath) @ rotation_z(0.01 * weight),
        "neck_01": rotation_y(0.1 * look) @ rotation_x(0.02 * breath),
        "neck_02": rotation_y(0.12 * look) @ rotation_x(0.03 * np.sin(turn + 1)),
        "head": rotation_y(0.16 * np.sin(turn - 0.3)) @ rotation_x(0.05 * np.sin(turn + 2)),
        **_swish(turn),
    }
    return _stand(animal, cycle * seconds, shift, turns, {})


def graze(animal: Body, seconds: float = 4.0) -> Motion:
    """Head at the ground, one fore leg ahead; it plucks and looks for the next tuft."""
    cycle = np.linspace(0, 1, round(seconds * CALM_KEYS) + 1)
    turn, height = tau * cycle, animal.height
    pluck, search = np.sin(3 * turn), np.sin(turn)
    low, high = 0.0, 1.0
    for _ in range(14):
        share = (low + high) / 2
        low, high = (share, high) if _muzzle(animal, share) > NOSE * height else (low, share)
    shift, turns = _bow(animal, low, len(cycle))
    shift = shift + np.stack((0.004 * height * search, 0.002 * height * (pluck - 1), 0 * turn), -1)
    turns["neck_01"] = rotation_y(0.06 * search) @ turns["neck_01"]
    turns["neck_02"] = rotation_y(0.08 * search) @ turns["neck_02"]
    turns["head"] = rotation_y(0.06 * search) @ rotation_x(-0.03 * (1 + pluck))
    ahead = {leg: share * height for leg, share in AHEAD.items()}
    return _stand(animal, cycle * seconds, shift, turns | _swish(turn), ahead)


def _bow(animal: Body, share: float, frames: int) -> tuple[ndarray, dict[str, ndarray]]:
    """The trunk with its head lowered by a share of all that it can."""
    return np.zeros((frames, 3)), {name: rotation_x(np.full(frames, share * angle)) for name, angle in BOW.items()}


def _muzzle(animal: Body, share: float) -> float:
    """Height of the lowest point of the head when it bows that far."""
    armature, head = animal.armature, animal.armature.index("head")
    pose = carry(animal, *_bow(animal, share, 1))
    forward = armature.tails[head][2] - 0.3 * (armature.tails[head] - armature.heads[head])[2]
    near = animal.landmarks.vertices[animal.landmarks.vertices[:, 2] > forward]
    points = near if len(near) else armature.tails[[head]]
    return float((pose.heads[0, head] + (points - armature.heads[head]) @ pose.turns[0, head].T)[:, 1].min())


def _swish(turn: Float[ndarray, " frames"]) -> dict[str, Float[ndarray, "frames 3 3"]]:
    """The tail of an animal that stands: to both sides, its tip after its root."""
    return {f"tail_0{piece}": rotation_z(0.14 * np.sin(2 * turn - 0.7 * piece)) for piece in (1, 2, 3)}


def _stand(
    animal: Body,
    seconds: Float[ndarray, " frames"],
    shift: Float[ndarray, "frames 3"],
    turns: dict[str, Float[ndarray, "frames 3 3"]],
    ahead: dict[tuple[bool, int], float],
) -> Motion:
    """A motion with all hooves on the ground; the trunk sinks as far as the legs need."""
    still = np.zeros(len(seconds))
    steps = [
        place_step(animal, leg, still + ahead.get((limb.fore, limb.side), 0.0), still, still, still)
        for leg, limb in enumerate(animal.armature.limbs)
    ]
    pose, _ = plant(animal, lambda sunk: carry(animal, shift - (0.0, sunk, 0.0), turns), steps)
    return Motion(seconds, pose)
