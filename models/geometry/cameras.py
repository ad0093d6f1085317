"""Pinhole cameras that look at an animal (MagicPony section 3.2; facts in OpenGL convention)."""

from dataclasses import dataclass
from math import pi, radians, tan

import torch
from jaxtyping import Float
from torch import Tensor

from models.core.category import View

FOV = radians(25)
DISTANCE = 10.0
NEAR, FAR = 0.1, 1000.0
VIEW_HALF_ANGLE = pi / 4
"""Front and back views reach this far from the body axis; the rest is side (DreamFusion's 45 degrees)."""


@dataclass(frozen=True)
class Camera:
    """A batch of cameras that share one field of view."""

    T_camera_world: Float[Tensor, "batch 4 4"]
    fov: float = FOV

    def to_camera(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """Points in the camera frame."""
        return points_world @ self.T_camera_world[:, :3, :3].mT + self.T_camera_world[:, None, :3, 3]

    def to_clip(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 4"]:
        """Homogeneous clip coordinates; image row 0 is the top."""
        x, y, z = self.to_camera(points_world).unbind(-1)
        focal = 1 / tan(self.fov / 2)
        depth = -(FAR + NEAR) / (FAR - NEAR) * z - 2 * FAR * NEAR / (FAR - NEAR)
        return torch.stack((focal * x, -focal * y, depth, -z), -1)

    def project(self, points_world: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 2"]:
        """Normalised device coordinates, x right and y down, both in [-1, 1] inside the image."""
        clip = self.to_clip(points_world)
        return clip[..., :2] / clip[..., 3:]

    def recession(
        self, points_world: Float[Tensor, "batch points 3"], about: Float[Tensor, "batch others 3"] | None = None
    ) -> Float[Tensor, "batch points"]:
        """How far points lie beyond the mean of `about`, or their own, in halves of the image's width there.

        That is the unit of `project`.
        """
        distance, others = (
            -self.to_camera(each)[..., 2] for each in (points_world, points_world if about is None else about)
        )
        middle = others.mean(-1, keepdim=True)
        return (distance - middle) / (middle * tan(self.fov / 2))

    def placed(
        self, points_world: Float[Tensor, "batch points 3"], about: Float[Tensor, "batch others 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """`project` and `recession` of points, beside each other."""
        return torch.cat((self.project(points_world), self.recession(points_world, about)[..., None]), -1)

    @property
    def position(self) -> Float[Tensor, "batch 3"]:
        """Camera centres in the world."""
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

    def __len__(self) -> int:
        """Number of cameras."""
        return len(self.T_camera_world)

    def __getitem__(self, index: slice | Tensor) -> "Camera":
        """Some of the cameras."""
        return Camera(self.T_camera_world[index], self.fov)


def _assemble(rotation: Tensor, translation: Tensor) -> Tensor:
    top = torch.cat((rotation, translation[..., None]), -1)
    bottom = top.new_tensor((0.0, 0.0, 0.0, 1.0)).expand(*top.shape[:-2], 1, 4)
    return torch.cat((top, bottom), -2)


def look_at(
    azimuth: Float[Tensor, " batch"],
    elevation: Float[Tensor, " batch"],
    distance: Float[Tensor, " batch"] | float = DISTANCE,
    target: Float[Tensor, "batch 3"] | None = None,
) -> Camera:
    """Cameras on a sphere about `target` (default: the origin), upright; |elevation| is kept below 89 degrees."""
    elevation = elevation.clamp(-radians(89), radians(89))
    back = torch.stack((elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos()), -1)
    up = torch.zeros_like(back)
    up[..., 1] = 1
    right = torch.nn.functional.normalize(torch.cross(up, back, dim=-1), dim=-1)
    rotation = torch.stack((right, torch.cross(back, right, dim=-1), back), -2)
    distance = torch.as_tensor(distance, dtype=back.dtype, device=back.device).expand(len(back))
    position = back * distance[:, None] + (0 if target is None else target)
    return Camera(_assemble(rotation, -(rotation @ position[..., None])[..., 0]))


def from_pose(forward: Float[Tensor, "batch 3"], translation: Float[Tensor, "batch 3"]) -> Camera:
    """Cameras from the object's +z axis seen in the camera frame (unit) and a shift in camera axes (fidelity F7).

    forward (0, 0, 1) and no translation is the camera at (0, 0, 10) that faces the head.
    """
    up = torch.zeros_like(forward)
    up[..., 1] = 1
    right = torch.nn.functional.normalize(torch.cross(up, forward, dim=-1), dim=-1)
    rows = torch.stack((right, torch.cross(forward, right, dim=-1), forward), -2)
    back = translation.new_tensor((0.0, 0.0, -DISTANCE))
    return Camera(_assemble(rows.mT, translation + back))


def view_word(azimuth: float) -> View:
    """`front`, `side` or `back` for a camera at this azimuth; the word our prompts and captions use."""
    turn = abs((azimuth + pi) % (2 * pi) - pi)
    if turn <= VIEW_HALF_ANGLE:
        return "front"
    return "back" if turn >= pi - VIEW_HALF_ANGLE else "side"
