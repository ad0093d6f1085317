"""Legs that reach for given places on the ground: two bones by the law of cosines, a cannon and a hoof that are told.

Everything is a batch of frames. A turn is the rotation of a bone since the bind pose, about the object frame's axes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.export.armature import Armature, Limb

LONGEST = 0.985
"""A leg is never straighter than this share of its two bones' length: nearer to 1 a knee snaps."""
SLIDING = 0.6
"""Share of the chest's pitch that a shoulder blade does not follow."""
RISING = 0.6
"""Share of the rise of a fore hoof by which its shoulder blade slides up: no joint ties it to the trunk."""
Turns = Float[ndarray, "*batch 3 3"]
Points = Float[ndarray, "*batch 3"]


@dataclass
class Pose:
    """Turns of all bones, and where their heads have come to, frame by frame."""

    turns: Float[ndarray, "frames bones 3 3"]
    heads: Float[ndarray, "frames bones 3"]

    def attach(self, armature: Armature, bone: int, turn: Float[ndarray, "frames 3 3"]) -> None:
        """Put a bone at its place on its parent, turned by `turn`."""
        parent = armature.parents[bone]
        offset = armature.heads[bone] - armature.heads[parent]
        self.heads[:, bone] = self.heads[:, parent] + self.turns[:, parent] @ offset
        self.turns[:, bone] = turn


@dataclass(frozen=True)
class Step:
    """Where a hoof is wanted."""

    joint: Float[ndarray, "frames 3"]
    """Of the hoof's topmost joint."""
    hoof: Float[ndarray, " frames"]
    """Pitch of the hoof; above 0 its tip points down and back."""
    cannon: Float[ndarray, " frames"]
    """Pitch of the bone above it, beyond its share of the leg's lean."""


def rotation_x(angles: Float[ndarray, "*batch"]) -> Turns:
    """Rotations about x: above 0 they lower what points forward and carry a foot backward."""
    return _rotation(np.asarray(angles), 1, 2)


def rotation_y(angles: Float[ndarray, "*batch"]) -> Turns:
    """Rotations about y: above 0 they turn the animal to its left."""
    return _rotation(np.asarray(angles), 2, 0)


def rotation_z(angles: Float[ndarray, "*batch"]) -> Turns:
    """Rotations about z: above 0 they raise what points left."""
    return _rotation(np.asarray(angles), 0, 1)


def _rotation(angles: Float[ndarray, "*batch"], first: int, second: int) -> Turns:
    turns = np.tile(np.eye(3), (*angles.shape, 1, 1))
    turns[..., first, first] = turns[..., second, second] = np.cos(angles)
    turns[..., first, second], turns[..., second, first] = -np.sin(angles), np.sin(angles)
    return turns


def reach(armature: Armature, limb: Limb, pose: Pose, step: Step) -> Float[ndarray, " frames"]:
    """Bend a leg to its step; by how much it falls short of it, in metres."""
    heads = armature.heads
    _swing_shoulder(armature, limb, pose, step)
    parent = armature.parents[limb.upper]
    top = pose.heads[:, parent] + pose.turns[:, parent] @ (heads[limb.upper] - heads[parent])
    lean = _lean(step.joint - top) - _lean(heads[limb.hoof] - heads[limb.upper])
    cannon = rotation_x((0.9 if limb.fore else 0.8) * lean + step.cannon)
    end = step.joint + cannon @ (heads[limb.cannon] - heads[limb.hoof])
    lengths = [float(np.linalg.norm(heads[b] - heads[a])) for a, b in _pairs(limb)]
    distance = np.linalg.norm(end - top, axis=-1)
    longest, shortest = LONGEST * sum(lengths), 1.02 * abs(lengths[0] - lengths[1])
    within = np.clip(distance, shortest, longest)
    towards = (end - top) / np.maximum(distance, 1e-9)[:, None]
    end = top + within[:, None] * towards
    knee = _bend(armature, limb, top, towards, within, lengths)
    for bone, start, finish in ((limb.upper, top, knee), (limb.lower, knee, end)):
        pose.heads[:, bone] = start
        pose.turns[:, bone] = _aim(armature, limb, bone, start, finish, towards)
    pose.attach(armature, limb.cannon, cannon)
    pose.attach(armature, limb.hoof, rotation_x(step.hoof))
    return distance - within


def _swing_shoulder(armature: Armature, limb: Limb, pose: Pose, step: Step) -> None:
    """The shoulder blade takes a part of a fore leg's swing and rise, and slides on a chest that bows."""
    if limb.shoulder is None:
        return
    bone = limb.shoulder
    trunk = pose.turns[:, armature.parents[bone]]
    pose.attach(armature, bone, trunk)
    rise = np.maximum(step.joint[:, 1] - armature.heads[limb.hoof][1], 0)
    pose.heads[:, bone, 1] += RISING * rise
    rest = armature.heads[limb.hoof] - armature.heads[bone]
    lean = _lean(step.joint - pose.heads[:, bone]) - _lean(rest)
    bow = np.arctan2(trunk[:, 2, 1], trunk[:, 1, 1])
    pose.turns[:, bone] = trunk @ rotation_x(0.3 * lean - SLIDING * bow)


def _lean(downward: Points) -> Float[ndarray, "*batch"]:
    """Angle of a direction from straight down; above 0 backward."""
    return np.asarray(np.arctan2(-downward[..., 2], -downward[..., 1]))


def _pairs(limb: Limb) -> tuple[tuple[int, int], tuple[int, int]]:
    return (limb.upper, limb.lower), (limb.lower, limb.cannon)


def _bend(
    armature: Armature,
    limb: Limb,
    top: Float[ndarray, "frames 3"],
    towards: Float[ndarray, "frames 3"],
    distance: Float[ndarray, " frames"],
    lengths: list[float],
) -> Float[ndarray, "frames 3"]:
    """The joint between the two bones, on the side of the leg on which it is at rest."""
    first, second = lengths
    along = (distance**2 + first**2 - second**2) / (2 * np.maximum(distance, 1e-9))
    aside = np.sqrt(np.maximum(first**2 - along**2, 0))
    line = armature.heads[limb.cannon] - armature.heads[limb.upper]
    knee = armature.heads[limb.lower] - armature.heads[limb.upper]
    ahead = (
        np.array((0.0, 0.0, 1.0)) if knee[2] >= (knee @ line) / (line @ line) * line[2] else np.array((0.0, 0, -1.0))
    )
    sideways = ahead - (towards @ ahead)[:, None] * towards
    sideways /= np.maximum(np.linalg.norm(sideways, axis=-1, keepdims=True), 1e-9)
    return top + along[:, None] * towards + aside[:, None] * sideways


def _aim(
    armature: Armature,
    limb: Limb,
    bone: int,
    start: Float[ndarray, "frames 3"],
    finish: Float[ndarray, "frames 3"],
    towards: Float[ndarray, "frames 3"],
) -> Float[ndarray, "frames 3 3"]:
    """The turn that brings a bone from its rest to its new ends, hinged across the plane of the leg."""
    following = limb.lower if bone == limb.upper else limb.cannon
    rest = _basis(
        armature.heads[following] - armature.heads[bone], armature.heads[limb.cannon] - armature.heads[limb.upper]
    )
    return _basis(finish - start, towards) @ rest.T


def _basis(along: Points, line: Points) -> Turns:
    """Orthonormal: along the bone, across the plane that holds the leg's line and the z axis, and their product."""
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    across = np.cross(line, (0.0, 0.0, 1.0))
    across = across - (across * along).sum(-1, keepdims=True) * along
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    return np.stack((along, across, np.cross(along, across)), -1)
