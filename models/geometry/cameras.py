"""Cameras that look at an animal: perspective, weak perspective and orthographic, behind one protocol."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import pi, radians, tan
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.category import View

FOV = radians(25)
DISTANCE = 10.0
NEAR, FAR = 0.1, 1000.0
VIEW_HALF_ANGLE = pi / 4
"""Front and back views reach this far from the body axis; the rest is side (DreamFusion's 45 degrees)."""


Kind = TypeVar("Kind", bound="Camera")
PerCamera = Float[Tensor, "batch *shape"]
"""Any part of a batch of cameras."""
Coordinate = Float[Tensor, "batch points"]


@dataclass(frozen=True)
class Camera(ABC):
    """A batch of cameras of one kind: what renderers and metrics ask of every camera."""

    T_camera_world: Float[Tensor, "batch 4 4"]

    @abstractmethod
    def to_clip(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 4"]:
        """Homogeneous clip coordinates; image row 0 is the top."""

    @abstractmethod
    def line_of_sight(self, points_camera: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """Directions, of any length and in the camera frame, in which the camera sees points of the camera frame."""

    @abstractmethod
    def half_width(self, distance: Float[Tensor, "batch points"]) -> Float[Tensor, "batch #points"]:
        """Half the width of the picture, in scene units, at a distance along the camera's axis."""

    def to_camera(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """Points in the camera frame."""
        return points_world @ self.T_camera_world[:, :3, :3].mT + self.T_camera_world[:, None, :3, 3]

    def distance(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points"]:
        """Distance along the camera's axis."""
        return -self.to_camera(points_world)[..., 2]

    def project(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 2"]:
        """Normalised device coordinates, x right and y down, both in [-1, 1] inside the image."""
        clip = self.to_clip(points_world)
        return clip[..., :2] / clip[..., 3:]

    def relative_depth(
        self, points_world: Float[Tensor, "batch points 3"], reference: Float[Tensor, "batch others 3"] | None = None
    ) -> Float[Tensor, "batch points"]:
        """Depth relative to the mean depth of `reference` (default: the points), in half image widths at that depth.

        That is the unit of `project`.
        """
        distance = self.distance(points_world)
        middle = (distance if reference is None else self.distance(reference)).mean(-1, keepdim=True)
        return (distance - middle) / self.half_width(middle)

    def project_with_depth(
        self, points_world: Float[Tensor, "batch points 3"], reference: Float[Tensor, "batch others 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """`project` and `relative_depth` of points, beside each other."""
        return torch.cat((self.project(points_world), self.relative_depth(points_world, reference)[..., None]), -1)

    @property
    def position(self) -> Float[Tensor, "batch 3"]:
        """Origins of the camera frames in the world."""
        R, t = self.T_camera_world[:, :3, :3], self.T_camera_world[:, :3, 3]
        return -(R.mT @ t[..., None])[..., 0]

    @property
    def azimuth(self) -> Float[Tensor, " batch"]:
        """Direction from the object to the camera about +y, from +z towards +x, in (-pi, pi]."""
        to_camera = self.T_camera_world[:, 2, :3]
        return torch.atan2(to_camera[:, 0], to_camera[:, 2])

    @property
    def elevation(self) -> Float[Tensor, " batch"]:
        """Height of the camera's direction above the ground plane, in [-pi/2, pi/2]."""
        return torch.asin(self.T_camera_world[:, 2, 1].clamp(-1, 1))

    def with_extrinsics(self: Kind, T_camera_world: Float[Tensor, "batch 4 4"]) -> Kind:
        """The same lenses at other places."""
        return replace(self, T_camera_world=T_camera_world)

    def apply(self: Kind, change: Callable[[PerCamera], PerCamera]) -> Kind:
        """The cameras with each of their tensors changed alike."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(part) for name, part in parts.items() if isinstance(part, Tensor)})

    def to(self: Kind, device: torch.device) -> Kind:
        """The cameras on a device."""
        return self.apply(lambda part: part.to(device))

    def __len__(self) -> int:
        """Number of cameras."""
        return len(self.T_camera_world)

    def __getitem__(self: Kind, index: slice | Int[Tensor, " chosen"]) -> Kind:
        """Some of the cameras."""
        return self.apply(lambda part: part[index])


@dataclass(frozen=True)
class PerspectiveCamera(Camera):
    """Pinhole cameras that share one field of view (MagicPony; fidelity F6)."""

    fov: float = FOV
    """Angle between the top and the bottom of the picture, in radians."""

    def to_clip(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 4"]:
        """Homogeneous clip coordinates; w is the distance along the camera's axis."""
        x, y, z = self.to_camera(points_world).unbind(-1)
        focal = 1 / tan(self.fov / 2)
        depth = -(FAR + NEAR) / (FAR - NEAR) * z - 2 * FAR * NEAR / (FAR - NEAR)
        return torch.stack((focal * x, -focal * y, depth, -z), -1)

    def line_of_sight(self, points_camera: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """From the pinhole to the points."""
        return points_camera

    def half_width(self, distance: Float[Tensor, "batch points"]) -> Float[Tensor, "batch #points"]:
        """Grows with the distance."""
        return distance * tan(self.fov / 2)


@dataclass(frozen=True)
class OrthographicCamera(Camera):
    """Parallel projections that share one size of picture: a point moves as far in it whatever its depth."""

    half_extent: float
    """Half the width of the picture, in scene units."""

    def to_clip(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 4"]:
        """Clip coordinates with w = 1."""
        x, y, z = self.to_camera(points_world).unbind(-1)
        return _parallel_clip(x / self.half_extent, -y / self.half_extent, z)

    def line_of_sight(self, points_camera: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """Along the camera's axis, for every point."""
        return _along_axis(points_camera)

    def half_width(self, distance: Float[Tensor, "batch points"]) -> Float[Tensor, "batch #points"]:
        """The same at every distance."""
        return torch.full_like(distance, self.half_extent)


@dataclass(frozen=True)
class WeakPerspectiveCamera(Camera):
    """Parallel projections of which each image has its own scale and shift (CMR, Kanazawa et al. 2018, section 2)."""

    scale: Float[Tensor, " batch"]
    """Half image widths to a scene unit: what a pinhole does at one depth, done at all depths."""
    shift: Float[Tensor, "batch 2"]
    """Where the origin of the camera frame falls, in normalised device coordinates: x right, y down."""

    def to_clip(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 4"]:
        """Clip coordinates with w = 1."""
        x, y, z = self.to_camera(points_world).unbind(-1)
        scale, (right, down) = self.scale[:, None], self.shift[..., None].unbind(1)
        return _parallel_clip(scale * x + right, -scale * y + down, z)

    def line_of_sight(self, points_camera: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """Along the camera's axis, for every point."""
        return _along_axis(points_camera)

    def half_width(self, distance: Float[Tensor, "batch points"]) -> Float[Tensor, "batch #points"]:
        """The same at every distance."""
        return (1 / self.scale)[:, None].expand_as(distance)


def _parallel_clip(x: Coordinate, y: Coordinate, z: Coordinate) -> Float[Tensor, "batch points 4"]:
    depth = (-2 * z - (FAR + NEAR)) / (FAR - NEAR)
    return torch.stack((x, y, depth, torch.ones_like(z)), -1)


def _along_axis(points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
    return points.new_tensor((0.0, 0.0, -1.0)).expand_as(points)


def _assemble(
    rotation: Float[Tensor, "*batch 3 3"], translation: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 4 4"]:
    top = torch.cat((rotation, translation[..., None]), -1)
    bottom = top.new_tensor((0.0, 0.0, 0.0, 1.0)).expand(*top.shape[:-2], 1, 4)
    return torch.cat((top, bottom), -2)


def look_at(
    azimuth: Float[Tensor, " batch"],
    elevation: Float[Tensor, " batch"],
    distance: Float[Tensor, " batch"] | float = DISTANCE,
    target: Float[Tensor, "batch 3"] | None = None,
) -> PerspectiveCamera:
    """Cameras on a sphere about `target` (default: the origin), upright; |elevation| is kept below 89 degrees."""
    elevation = elevation.clamp(-radians(89), radians(89))
    back = torch.stack((elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos()), -1)
    up = torch.zeros_like(back)
    up[..., 1] = 1
    right = torch.nn.functional.normalize(torch.cross(up, back, dim=-1), dim=-1)
    rotation = torch.stack((right, torch.cross(back, right, dim=-1), back), -2)
    distance = torch.as_tensor(distance, dtype=back.dtype, device=back.device).expand(len(back))
    position = back * distance[:, None] + (0 if target is None else target)
    return PerspectiveCamera(_assemble(rotation, -(rotation @ position[..., None])[..., 0]))


def from_pose(forward: Float[Tensor, "batch 3"], translation: Float[Tensor, "batch 3"]) -> PerspectiveCamera:
    """Cameras from the object's +z axis seen in the camera frame (unit) and a shift in camera axes (fidelity F7).

    forward (0, 0, 1) and no translation is the camera at (0, 0, 10) that faces the head.
    """
    up = torch.zeros_like(forward)
    up[..., 1] = 1
    right = torch.nn.functional.normalize(torch.cross(up, forward, dim=-1), dim=-1)
    rows = torch.stack((right, torch.cross(forward, right, dim=-1), forward), -2)
    back = translation.new_tensor((0.0, 0.0, -DISTANCE))
    return PerspectiveCamera(_assemble(rows.mT, translation + back))


def view_word(azimuth: float, half_angle: float = VIEW_HALF_ANGLE) -> View:
    """`front`, `side` or `back` for a camera at this azimuth; the word our prompts and captions use."""
    turn = abs((azimuth + pi) % (2 * pi) - pi)
    if turn <= half_angle:
        return "front"
    return "back" if turn >= pi - half_angle else "side"
