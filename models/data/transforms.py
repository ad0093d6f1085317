"""Random image transforms, by which networks trained on renderings generalise to generated pictures and crops."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

Pictures = Float[Tensor, "batch 3 height width"]
Labels = Int[Tensor, "batch height width"]
Resized = Float[Tensor, "batch 3 {size} {size}"]
ResizedLabels = Int[Tensor, "batch {size} {size}"]
Motion = Float[Tensor, "batch 2 3"]
"""Affine map from positions in the new picture to positions in the old one, in normalised device coordinates."""


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "{count} 1 1 1"]:
    """A number between `low` and `high` for every picture."""
    return (low + (high - low) * torch.rand(count, generator=generator)).view(-1, 1, 1, 1)


def some(count: int, share: float, generator: torch.Generator) -> Bool[Tensor, "{count} 1 1 1"]:
    """True for about this share of the pictures."""
    return (torch.rand(count, generator=generator) < share).view(-1, 1, 1, 1)


def augment(image: Pictures, label: Labels, size: int, generator: torch.Generator) -> tuple[Resized, ResizedLabels]:
    """Moved, mirrored, recoloured, blurred, noisy pictures of `size` and their labels (0 outside the picture)."""
    image, label = move(image, label, motion(len(image), generator), size, generator)
    return degrade(recolour(image, generator), generator), label


def motion(count: int, generator: torch.Generator) -> Motion:
    """Zoomed by 0.7 to 1.4, turned a little, shifted, half of them mirrored."""
    zoom, mirror = uniform(count, -0.35, 0.35, generator).exp(), 1 - 2 * some(count, 0.5, generator).float()
    turn, shift = uniform(count, -0.12, 0.12, generator), uniform(2 * count, -0.25, 0.25, generator)
    theta = torch.zeros(count, 2, 3)
    zoom, mirror, turn = (values.flatten() for values in (zoom, mirror, turn))
    theta[:, 0, 0], theta[:, 0, 1] = zoom * mirror * turn.cos(), -zoom * turn.sin()
    theta[:, 1, 0], theta[:, 1, 1] = zoom * mirror * turn.sin(), zoom * turn.cos()
    theta[:, :, 2] = shift.view(count, 2)
    return theta


def move(
    image: Pictures, label: Labels, motion: Motion, size: int, generator: torch.Generator
) -> tuple[Resized, ResizedLabels]:
    """Pictures of `size`, resampled at the positions that `motion` gives; outside is black or the border's colour."""
    grid = affine_grid(motion, [len(image), 3, size, size], align_corners=False)
    padding = "zeros" if torch.rand((), generator=generator) < 0.5 else "border"
    moved = grid_sample(image, grid, padding_mode=padding, align_corners=False)
    labels = grid_sample(label[:, None].float(), grid, mode="nearest", align_corners=False)[:, 0]
    return moved, labels.long()


def move_points(
    points: Float[Tensor, "batch points 2"], opposite: Int[Tensor, " points"], motion: Motion
) -> Float[Tensor, "batch points 2"]:
    """Where points, in normalised device coordinates, are in the moved picture; a mirrored one swaps its sides."""
    matrix = motion[:, :, :2]
    moved = (points - motion[:, None, :, 2]) @ matrix.inverse().mT
    return torch.where((matrix.det() < 0)[:, None, None], moved[:, opposite], moved)


def recolour(image: Pictures, generator: torch.Generator) -> Pictures:
    """Other exposure, contrast, saturation and white balance."""
    count = len(image)
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * uniform(count, 0.4, 1.4, generator)
    balance = 1 + 0.12 * torch.randn(count, 3, 1, 1, generator=generator)
    contrast, exposure = uniform(count, 0.7, 1.3, generator), uniform(count, -0.12, 0.12, generator)
    return ((image * balance - 0.5) * contrast + 0.5 + exposure).clamp(0, 1)


def degrade(image: Pictures, generator: torch.Generator) -> Pictures:
    """A third blurred, a third noisy, a quarter with a rectangle painted over."""
    count, _, height, width = image.shape
    blurred = avg_pool2d(avg_pool2d(image, 3, 1, 1, count_include_pad=False), 3, 1, 1, count_include_pad=False)
    amount = some(count, 0.33, generator) * uniform(count, 0.3, 1.0, generator)
    image = image.lerp(blurred, amount)
    grain = some(count, 0.33, generator) * uniform(count, 0.01, 0.08, generator)
    image = (image + grain * torch.randn(image.shape, generator=generator)).clamp(0, 1)
    y, x = torch.arange(height).view(1, 1, -1, 1) / height, torch.arange(width).view(1, 1, 1, -1) / width
    top, left = uniform(count, -0.1, 0.9, generator), uniform(count, -0.1, 0.9, generator)
    side = uniform(count, 0.05, 0.25, generator) * some(count, 0.25, generator)
    hidden = (y > top) & (y < top + side) & (x > left) & (x < left + side)
    return torch.where(hidden, torch.rand(count, 3, 1, 1, generator=generator), image)
