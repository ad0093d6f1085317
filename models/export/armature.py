"""The skeleton that is handed out: standard bone names, one root on the ground, every bone along its own +y.

Names are those of Unreal's mannequin, with which engines' retargeting starts; a fore leg is an arm. `_l` is +x, `_r`
-x. docs/rig.md maps them to other rigs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from models.export.landmarks import Landmarks, Leg

SPINE = ("pelvis", "spine_01", "spine_02", "spine_03", "neck_01", "neck_02", "head")
TAIL = ("tail_01", "tail_02", "tail_03")
FORE = ("clavicle", "upperarm", "lowerarm", "hand", "fingers")
HIND = ("thigh", "calf", "foot", "ball")
HOOF_TOP = 0.28
"""Height of the topmost joint of a hoof as a share of the belly's."""


@dataclass(frozen=True)
class Limb:
    """A leg of the armature: the bones that bend it."""

    side: int
    """1: left (+x), -1: right."""
    fore: bool
    shoulder: int | None
    """The bone that carries the upper one; None for a leg that hangs on the pelvis itself."""
    upper: int
    lower: int
    cannon: int
    hoof: int

    @property
    def bones(self) -> tuple[int, ...]:
        """From the trunk to the ground."""
        return (*(() if self.shoulder is None else (self.shoulder,)), self.upper, self.lower, self.cannon, self.hoof)


@dataclass(frozen=True)
class Armature:
    """Bones in the bind pose, parents before children; metres, y = 0 is the ground."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    heads: Float[ndarray, "bones 3"]
    """Joint about which each bone turns."""
    tails: Float[ndarray, "bones 3"]
    """Its other end: the head of the child that continues it, where there is one."""
    limbs: tuple[Limb, ...]

    def index(self, name: str) -> int:
        """Number of the bone of that name."""
        return self.names.index(name)

    @property
    def frames(self) -> Float[ndarray, "bones 4 4"]:
        """T_world_bone: origin at the head, y along the bone, x as near to world x as can be; the root's is 1."""
        y = self.tails - self.heads
        y = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-9)
        x = np.array((1.0, 0.0, 0.0)) - y[:, :1] * y
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        T_world_bone = np.tile(np.eye(4), (len(y), 1, 1))
        T_world_bone[:, :3, :3] = np.stack((x, y, np.cross(x, y)), -1)
        T_world_bone[:, :3, 3] = self.heads
        T_world_bone[0] = np.eye(4)
        return T_world_bone


def build_armature(landmarks: Landmarks) -> Armature:
    """The bones of an animal by its landmarks."""
    names, parents, heads, tails = ["root"], [-1], [np.zeros(3)], [np.array((0.0, 0.2 * landmarks.withers, 0.0))]

    def add(chain: tuple[str, ...], points: Sequence[ndarray], parent: int) -> tuple[int, ...]:
        first = len(names)
        for name, head, tail in zip(chain, points[:-1], points[1:], strict=True):
            names.append(name)
            parents.append(parent)
            heads.append(head)
            tails.append(tail)
            parent = len(names) - 1
        return tuple(range(first, len(names)))

    legs = [list(_leg_points(landmarks, leg)) for leg in landmarks.legs]
    hips, blades = (
        [points[0] for leg, points in zip(landmarks.legs, legs, strict=True) if leg.fore is fore]
        for fore in (False, True)
    )
    spine = add(SPINE, _connect(_spine_points(landmarks), hips, blades), 0)
    add(TAIL, _tail_points(landmarks), spine[0])
    limbs: list[Limb] = []
    for leg, points in zip(landmarks.legs, legs, strict=True):
        chain = tuple(f"{bone}_{'l' if leg.side > 0 else 'r'}" for bone in (FORE if leg.fore else HIND))
        bones = add(chain, points, spine[3] if leg.fore else spine[0])
        shoulder, *rest = bones if leg.fore else (None, *bones)
        limbs.append(Limb(leg.side, leg.fore, shoulder, *rest))
    return Armature(tuple(names), tuple(parents), np.stack(heads), np.stack(tails), tuple(limbs))


def _connect(points: list[ndarray], hips: list[ndarray], blades: list[ndarray]) -> list[ndarray]:
    """The spine with a pelvis and a last bone of the trunk so short that no leg begins nearer than they end.

    Importers take the nearest child for the end of a bone.
    """
    joints = points.copy()

    def length(first: int, end: ndarray) -> float:
        return float(np.linalg.norm(end - joints[first]))

    for first, moved, kept, tops in ((0, 1, 0, hips), (3, 3, 4, blades)):
        while any(length(first, joints[first + 1]) > 0.98 * length(first, top) for top in tops):
            joints[moved] = joints[kept] + 0.9 * (joints[moved] - joints[kept])
    return joints


def _spine_points(landmarks: Landmarks) -> list[ndarray]:
    """Heads of the bones from pelvis to head, and the muzzle."""
    hind, reach = landmarks.hind, landmarks.fore - landmarks.hind
    trunk = [landmarks.inside(hind + share * reach, 0.76) for share in (-0.08, 0.07, 0.48, 0.88)]
    front = float(landmarks.slices[-1])
    chest, skull = landmarks.inside(landmarks.fore, 0.66), _skull(landmarks, front)
    neck = chest + 0.25 * (skull - chest)
    muzzle = landmarks.inside(front, 0.5)
    return [*trunk, neck, (neck + skull) / 2, skull, skull + 0.97 * (muzzle - skull)]


def _skull(landmarks: Landmarks, front: float) -> Float[ndarray, " 3"]:
    """The joint between neck and head: within the highest part of what lies before the fore legs."""
    share = (landmarks.slices - landmarks.fore) / (front - landmarks.fore)
    height = np.where((share > 0.35) & (share < 0.8), landmarks.top, -np.inf)
    return landmarks.inside(float(landmarks.slices[height.argmax()]), 0.6)


def _tail_points(landmarks: Landmarks) -> list[ndarray]:
    """From the dock to the tip: the lowest point of the outline at the very rear."""
    rear = float(landmarks.slices[0])
    dock = landmarks.inside(rear + 0.35 * (landmarks.hind - rear), 0.8)
    last = landmarks.slices < rear + 0.25 * (landmarks.hind - rear)
    z = float(landmarks.slices[np.where(last, landmarks.bottom, np.inf).argmin()])
    tip = np.array((0.0, landmarks.underside(z), z))
    if np.linalg.norm(tip - dock) < 0.05 * landmarks.withers:
        tip = dock - (0, 0.05 * landmarks.withers, 0)
    return [dock + share * (tip - dock) for share in (0, 1 / 3, 2 / 3, 1)]


def _leg_points(landmarks: Landmarks, leg: Leg) -> Iterator[ndarray]:
    """Joints from the trunk to the hoof, and a point before its tip; all but the shoulder blade in a plane."""
    x_hoof, _, z = leg.hoof
    belly, depth, radius = (
        landmarks.belly,
        max(landmarks.back(z) - landmarks.belly, 0.07 * landmarks.withers),
        leg.radius,
    )
    x_top = leg.side * max(abs(x_hoof), 0.4 * landmarks.half_width)
    high, low = belly + (0.4 if leg.fore else 0.52) * depth, HOOF_TOP * belly

    def point(height: float, forward: float) -> ndarray:
        share = (height - low) / (high - low)
        return np.array((x_hoof + share * (x_top - x_hoof), height, z + forward * radius))

    if leg.fore:
        yield np.array((leg.side * 0.5 * landmarks.half_width, belly + 0.74 * depth, z + 0.5 * radius))
        yield point(high, 0.9)
        yield point(belly + 0.06 * depth, -0.6)
        yield point(0.64 * belly, 0.15)
    else:
        yield point(high, -0.5)
        yield point(belly + 0.14 * depth, 1.1)
        yield point(0.8 * belly, -0.45)
    yield point(low, 0.0)
    yield np.array((x_hoof, low, z + max(radius, 0.02 * landmarks.withers)))
