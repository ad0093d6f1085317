"""How the animal moves on: it walks and trots, each a loop whose hooves stay where they stand.

A loop lasts a whole number of sixths of a second, so it ends on a frame at 24, 30 and 60 frames a second.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import tau

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.export.armature import Armature
from models.export.landmarks import Landmarks
from models.export.limbs import Pose, Step, reach, rotation_x, rotation_y, rotation_z

KEYS = 60
"""Keys a second of a gait."""
CLEARANCE = 0.002
"""Height of a planted hoof as a share of the shoulder's: between two keys it sinks by less."""
SINKINGS, SHORTENINGS = 7, 12
"""Most rounds in which the trunk sinks to its steps, and in which steps are shortened to the trunk."""
DEEPEST = 0.035
"""An animal crouches by this share of its height at most to reach its steps; else it takes shorter ones."""


@dataclass(frozen=True)
class Gait:
    """How an animal moves on; times are shares of a cycle."""

    seconds: float
    """Of a cycle of an animal with shoulders 1.5 m high; others by the root of their height."""
    touchdown: dict[tuple[bool, int], float]
    """When the hoof of each leg (fore, side) comes down."""
    duty: float
    """How long it stays down."""
    swing: float
    """Half the angle through which a leg goes while its hoof is down, radians."""
    lift: float
    """Height of a hoof in the air, of the shoulder's."""
    bob: float
    """How far the trunk goes up and down, of the shoulder's height."""
    lowest: tuple[float, float]
    """When hips and shoulders are lowest, twice a cycle."""
    sway: float
    """How far the trunk bends and rolls, radians."""
    nod: float
    """How far the head nods, radians."""


WALK = Gait(
    seconds=1.2,
    touchdown={(False, 1): 0.0, (True, 1): 0.25, (False, -1): 0.5, (True, -1): 0.75},
    duty=0.62,
    swing=0.2,
    lift=0.029,
    bob=0.01,
    lowest=(0.03, 0.2),
    sway=0.035,
    nod=0.05,
)
TROT = Gait(
    seconds=0.8,
    touchdown={(False, 1): 0.0, (True, 1): 0.5, (False, -1): 0.5, (True, -1): 0.0},
    duty=0.44,
    swing=0.17,
    lift=0.027,
    bob=0.01,
    lowest=(0.22, 0.22),
    sway=0.02,
    nod=0.02,
)
GAITS = {"walk": WALK, "trot": TROT}


@dataclass(frozen=True)
class Motion:
    """A loop; its last frame is its first again."""

    seconds: Float[ndarray, " frames"]
    pose: Pose
    speed: float = 0.0
    """How fast the ground passes below, in m/s."""


@dataclass(frozen=True)
class Body:
    """What a motion is made for."""

    armature: Armature
    landmarks: Landmarks
    soles: tuple[Float[ndarray, "_ 3"], ...]
    """For each leg, what moves with its hoof alone, from the hoof's topmost joint."""

    @property
    def height(self) -> float:
        """Of the shoulders."""
        return self.landmarks.withers


def find_soles(
    landmarks: Landmarks, armature: Armature, weights: Float[ndarray, "vertices bones"]
) -> tuple[Float[ndarray, "_ 3"], ...]:
    """For each leg the vertices that move with its hoof alone, from the hoof's topmost joint."""
    soles: list[ndarray] = []
    for leg, limb in zip(landmarks.legs, armature.limbs, strict=True):
        rigid = landmarks.vertices[weights[:, limb.hoof] > 0.99]
        soles.append((rigid if len(rigid) else leg.hoof[None]) - armature.heads[limb.hoof])
    return tuple(soles)


def go(animal: Body, gait: Gait, frames: int | None = None) -> Motion:
    """A gait on the spot, in `frames` and the first again or 60 a second; its steps are as long as the legs reach."""
    motion, crouch = _go(animal, gait, frames)
    for _ in range(SHORTENINGS):
        if crouch <= DEEPEST * animal.height:
            break
        gait = replace(gait, swing=0.85 * gait.swing)
        motion, crouch = _go(animal, gait, frames)
    return motion


def _go(animal: Body, gait: Gait, frames: int | None) -> tuple[Motion, float]:
    seconds = loop_seconds(gait.seconds * (animal.height / 1.5) ** 0.5)
    cycle = np.linspace(0, 1, (frames or round(seconds * KEYS)) + 1)
    steps = [_stride(animal, gait, leg, cycle) for leg in range(len(animal.soles))]
    pose, crouch = plant(animal, lambda sunk: _carry(animal, gait, cycle, sunk), steps)
    return Motion(cycle * seconds, pose, float(_travel(animal, gait)) / (gait.duty * seconds)), crouch


def plant(animal: Body, trunk: Callable[[float], Pose], steps: list[Step]) -> tuple[Pose, float]:
    """The pose in which every leg reaches its step: the trunk, sunk by so many metres, and by how many it is."""
    sunk = 0.0
    pose, lack = _bend_legs(animal, trunk(sunk), steps)
    for _ in range(SINKINGS):
        if lack < 1e-9:
            break
        sunk += 1.1 * lack
        pose, lack = _bend_legs(animal, trunk(sunk), steps)
    return pose, sunk


def _bend_legs(animal: Body, pose: Pose, steps: list[Step]) -> tuple[Pose, float]:
    """The same pose with its legs, and by how much the worst of them falls short of its step."""
    short = [reach(animal.armature, limb, pose, step) for limb, step in zip(animal.armature.limbs, steps, strict=True)]
    return pose, max((float(lack.max()) for lack in short), default=0.0)


def loop_seconds(seconds: float) -> float:
    """The nearest whole number of sixths of a second."""
    return max(round(6 * seconds), 2) / 6


def _travel(animal: Body, gait: Gait) -> float:
    """How far a hoof goes back while it is down: the same for all legs."""
    tops = [animal.armature.heads[limb.upper][1] for limb in animal.armature.limbs]
    return 2 * np.tan(gait.swing) * (float(np.mean(tops)) if tops else 0.5 * animal.height)


def _stride(animal: Body, gait: Gait, leg: int, cycle: Float[ndarray, " frames"]) -> Step:
    """The way of a hoof through a cycle: back with the ground, then up and forward without a jerk."""
    limb, travel = animal.armature.limbs[leg], _travel(animal, gait)
    phase = (cycle - gait.touchdown[limb.fore, limb.side]) % 1
    down = phase < gait.duty
    air = np.where(down, 0.0, (phase - gait.duty) / (1 - gait.duty))
    over_ground = air**3 * (10 - 15 * air + 6 * air**2)
    along = travel * (0.5 - (phase - over_ground) / gait.duty)
    bump = 27 / 4 * air * (1 - air) ** 2
    early = np.where(down, 0.0, bump**2)
    hoof = 0.4 * early
    lift = gait.lift * animal.height * np.sin(np.pi * air)
    flex = np.zeros_like(early) if limb.fore else 0.15 * gait.lift / 0.07 * early  # A carpus folds by the lift alone.
    return place_step(animal, leg, along, lift, hoof, flex)


def place_step(
    animal: Body,
    leg: int,
    along: Float[ndarray, " frames"],
    lift: Float[ndarray, " frames"],
    hoof: Float[ndarray, " frames"],
    flex: Float[ndarray, " frames"],
) -> Step:
    """A hoof whose lowest point is `lift` above the ground, `along` metres before its rest."""
    rest = animal.armature.heads[animal.armature.limbs[leg].hoof]
    lowest = (rotation_x(hoof)[:, 1] @ animal.soles[leg].T).min(1)
    joint = np.stack((np.full_like(along, rest[0]), lift + CLEARANCE * animal.height - lowest, rest[2] + along), -1)
    return Step(joint, hoof, flex)


def _carry(animal: Body, gait: Gait, cycle: Float[ndarray, " frames"], crouch: float) -> Pose:
    """The trunk of an animal on its way: hips and shoulders bob, the spine bends, the head keeps its place."""
    turn = tau * cycle
    hips, shoulders = (-gait.bob * animal.height * (1 + np.cos(2 * turn - 2 * tau * low)) / 2 for low in gait.lowest)
    pitch = (hips - shoulders) / max(animal.landmarks.fore - animal.landmarks.hind, 1e-6)
    bend, side = gait.sway * np.cos(turn), gait.sway * np.sin(turn)
    nod = gait.nod * np.cos(2 * turn - 2 * tau * gait.lowest[1])
    swish = 0.12 * np.sin(turn)
    return carry(
        animal,
        np.stack((0.25 * animal.height * side, hips - crouch, 0 * cycle), -1),
        {
            "pelvis": rotation_y(-bend) @ rotation_z(0.6 * side) @ rotation_x(pitch),
            "spine_01": rotation_z(-0.4 * side) @ rotation_y(0.6 * bend),
            "spine_02": rotation_z(-0.4 * side) @ rotation_y(0.9 * bend),
            "spine_03": rotation_z(-0.3 * side) @ rotation_y(0.5 * bend),
            "neck_01": rotation_y(-0.5 * bend) @ rotation_x(0.6 * nod),
            "neck_02": rotation_y(-0.3 * bend) @ rotation_x(0.4 * nod - 0.5 * pitch),
            "head": rotation_y(-0.2 * bend) @ rotation_x(-0.6 * nod - 0.5 * pitch),
            **{name: rotation_z(swish) for name in ("tail_01", "tail_02")},
            "tail_03": rotation_z(0.12 * np.sin(turn - 1)),
        },
    )


def carry(animal: Body, shift: Float[ndarray, "frames 3"], turns: dict[str, Float[ndarray, "frames 3 3"]]) -> Pose:
    """All bones but the legs: the pelvis is shifted, each named bone turns on its parent."""
    armature, frames = animal.armature, len(shift)
    bones = len(armature.names)
    pose = Pose(np.tile(np.eye(3), (frames, bones, 1, 1)), np.tile(armature.heads, (frames, 1, 1)))
    legs = {bone for limb in armature.limbs for bone in limb.bones}
    for bone, name in enumerate(armature.names):
        if bone in legs or armature.parents[bone] < 0:
            continue
        above = pose.turns[:, armature.parents[bone]]
        pose.attach(armature, bone, above @ turns[name] if name in turns else above.copy())
        if name == "pelvis":
            pose.heads[:, bone] += shift
    return pose
