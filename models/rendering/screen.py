"""Where clip positions fall on the pixel grid."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Screen(NamedTuple):
    """Vertices of all images in one row, in pixels: pixel centres are whole numbers, rows grow downwards."""

    x: Float[Tensor, " points"]
    y: Float[Tensor, " points"]


def to_screen(clip: Float[Tensor, "batch vertices 4"], size: int) -> Screen:
    """Screen positions; nan before the near plane, so that comparisons drop such faces, yet with finite gradient."""
    x, y, z, w = clip.reshape(-1, 4).unbind(-1)
    usable = (w > 1e-6) & (z > -w) & ((x.abs() + y.abs()) < torch.inf)
    x, y, w = (torch.where(usable, axis, 1.0) for axis in (x, y, w))
    return Screen(*(torch.where(usable, (axis / w + 1) * (size / 2) - 0.5, torch.nan) for axis in (x, y)))


Points = Int[Tensor, " image_faces"]
Corner = Float[Tensor, " image_faces"]
"""A coordinate in pixels of one corner of every (image, face), images first."""


def corner_points(faces: Int[Tensor, "faces 3"], batch: int, vertices: int) -> tuple[Points, Points, Points]:
    """For each corner the point number of every (image, face), images first."""
    offset = torch.arange(batch, device=faces.device)[:, None] * vertices
    first, second, third = ((corner + offset).flatten() for corner in faces.unbind(1))
    return first, second, third


def double_area(x: Sequence[Corner], y: Sequence[Corner]) -> Corner:
    """Twice the signed screen area; the sign tells which way a face looks."""
    return (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
