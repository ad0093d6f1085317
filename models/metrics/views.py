"""Viewpoint, novel views and new light (fidelity F56), compared in the frame of a crop (F4)."""

from math import pi

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.geometry.cameras import Camera
from models.rendering.types import Light


def azimuth_error(ours: float, theirs: float) -> float:
    """The angle between two directions about +y, in [0, pi]."""
    return abs((ours - theirs + pi) % (2 * pi) - pi)


def same_quadrant(ours: float, theirs: float) -> bool:
    """Whether both see the same one of head-left, head-right, tail-right, tail-left: MagicPony's four hypotheses."""
    return int(ours % (2 * pi) // (pi / 2)) == int(theirs % (2 * pi) // (pi / 2))


def turned(camera: Camera, yaw: Float[Tensor, " batch"]) -> Camera:
    """The cameras after walking round the animal by `yaw` about +y, which adds `yaw` to their azimuth."""
    T_old_new = torch.eye(4).repeat(len(yaw), 1, 1)
    T_old_new[:, 0, 0] = T_old_new[:, 2, 2] = yaw.cos()
    T_old_new[:, 0, 2], T_old_new[:, 2, 0] = -yaw.sin(), yaw.sin()
    return camera.with_extrinsics(camera.T_camera_world @ T_old_new.to(camera.T_camera_world))


def further(camera: Camera, by: float) -> Camera:
    """The cameras moved back, so that a long animal fits from every side (MagicPony's visualisation: by 5.5)."""
    T_camera_world = camera.T_camera_world.clone()
    T_camera_world[:, 2, 3] -= by
    return camera.with_extrinsics(T_camera_world)


def fixed_to_object(light: Light, old: Camera, new: Camera) -> Light:
    """The same lamp seen by another camera: l' = R_new R_old^T l (as in MagicPony's visualisation)."""
    rotation = new.T_camera_world[:, :3, :3] @ old.T_camera_world[:, :3, :3].mT
    return Light((rotation @ light.direction[..., None])[..., 0], light.ambient, light.diffuse)


def normalised(
    image: Float[Tensor, "height width 3"], mask: Float[Tensor, "height width"], size: int
) -> tuple[Float[Tensor, "size size 3"], Float[Tensor, "size size"]]:
    """Image and mask cut to the square of side 2 sqrt(area) about the mask's centroid; empty stays empty."""
    height, width = mask.shape
    area = mask.sum()
    if area < 1:
        return image.new_zeros(size, size, 3), mask.new_zeros(size, size)
    rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    centre_row, centre_column = (mask.sum(1) * rows).sum() / area, (mask.sum(0) * columns).sum() / area
    offsets = ((torch.arange(size) + 0.5) / size * 2 - 1) * area.sqrt()
    y = (centre_row + offsets) / height * 2 - 1
    x = (centre_column + offsets) / width * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    stack = torch.cat((image * mask[..., None], mask[..., None]), -1).permute(2, 0, 1)
    crop = torch.nn.functional.grid_sample(stack[None], grid[None], align_corners=False)[0]
    return crop[:3].permute(1, 2, 0), crop[3]


def masked_psnr(
    ours: Float[np.ndarray, "height width 3"],
    theirs: Float[np.ndarray, "height width 3"],
    mask: Bool[np.ndarray, "height width"],
) -> float:
    """Peak signal-to-noise ratio in dB over the mask; values are clipped to [0, 1]; nan for an empty mask."""
    if not mask.any():
        return float("nan")
    error = np.square(ours.clip(0, 1) - theirs.clip(0, 1))[mask].mean()
    return float(-10 * np.log10(max(error, 1e-10)))


def relighting_error(
    ours: Float[np.ndarray, "height width 3"],
    theirs: Float[np.ndarray, "height width 3"],
    mask: Bool[np.ndarray, "height width"],
) -> float:
    """Root mean square over the mask after the best gain per picture; nan for an empty mask.

    The gain is free because albedo and light can only be known up to a common factor.
    """
    if not mask.any():
        return float("nan")
    a, b = ours[mask].ravel(), theirs[mask].ravel()
    gain = float(a @ b) / max(float(a @ a), 1e-8)
    return float(np.sqrt(np.square(gain * a - b).mean()))
