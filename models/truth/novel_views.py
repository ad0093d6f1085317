"""Novel views of an animal: cameras that walk round it, a light that stays with it, and the crop rule for pictures."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.geometry.cameras import Camera
from models.rendering.types import Light


def orbit(camera: Camera, yaw: Float[Tensor, " batch"]) -> Camera:
    """The cameras after walking round the animal by `yaw` about +y, which adds `yaw` to their azimuth."""
    T_old_new = torch.eye(4).repeat(len(yaw), 1, 1)
    T_old_new[:, 0, 0] = T_old_new[:, 2, 2] = yaw.cos()
    T_old_new[:, 0, 2], T_old_new[:, 2, 0] = -yaw.sin(), yaw.sin()
    return camera.with_extrinsics(camera.T_camera_world @ T_old_new.to(camera.T_camera_world))


def step_back(camera: Camera, by: float) -> Camera:
    """The cameras moved back, so that a long animal fits from every side (MagicPony's visualisation: by 5.5)."""
    T_camera_world = camera.T_camera_world.clone()
    T_camera_world[:, 2, 3] -= by
    return camera.with_extrinsics(T_camera_world)


def keep_with_object(light: Light, old: Camera, new: Camera) -> Light:
    """The same lamp seen by another camera: l' = R_new R_old^T l (as in MagicPony's visualisation)."""
    rotation = new.T_camera_world[:, :3, :3] @ old.T_camera_world[:, :3, :3].mT
    return Light((rotation @ light.direction[..., None])[..., 0], light.ambient, light.diffuse)


def crop_to_animal(
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
