"""Input corruption: the encoder sees an augmented crop, the losses use the clean one.

A share of the crops is framed and coloured otherwise, photo and mask alike, and of these the encoder sees a version
before another background, blurred, noisy, or with something in front of the animal. Each crop is changed once, not at
every step, so that the frozen ViT's tokens can be cached.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from models.core.config import Config
from models.core.schedule import Share
from models.data.crops import Sample, random
from models.data.framing import Box, Crop, cut
from models.data.transforms import degrade, recolour

WHOLE = (0.0, 0.0, 1.0)
"""The window of a crop that stays as it is."""


class Augmentation(Config):
    """How much is changed."""

    share: Share = Field(default=0.5, description="share of the crops that is changed at all")
    background: Share = Field(default=0.5, description="share of the changed ones that get another background")
    shift: float = Field(default=0.05, ge=0, description="largest shift of the crop over its side")
    zoom: float = Field(default=0.1, ge=0, lt=1, description="largest growth or shrinkage of the crop over its side")


@dataclass(frozen=True)
class Augmented:
    """A training set with what the encoder sees of it."""

    samples: list[Crop]
    """The crops that the losses use."""
    seen: list[UInt8[ndarray, "size size 3"]]
    """The pictures that the encoder sees."""
    windows: Float[Tensor, "samples 3"]
    """Left, top and side of each new crop in shares of the old one's side."""

    def move_points(self, points: Float[Tensor, "samples points 3"]) -> Float[Tensor, "samples points 3"]:
        """`Truth.keypoints` of the old crops in the new ones."""
        return to_windows(points, self.windows)


def to_windows(
    points: Float[Tensor, "pictures points 3"], windows: Float[Tensor, "pictures 3"]
) -> Float[Tensor, "pictures points 3"]:
    """`Truth.keypoints` of pictures in windows of them: left, top and side in shares of the picture's side."""
    corner, side = windows[:, None, :2], windows[:, None, 2:]
    across = ((points[..., :2] + 1) / 2 - corner) / side * 2 - 1
    return torch.cat((across, points[..., 2:] / side), -1)


def augment_crops(crops: Sequence[Sample], config: Augmentation, seed: int) -> Augmented:
    """The same crops in the same order, each changed by nothing but its row and the seed."""
    samples: list[Crop] = []
    seen: list[UInt8[ndarray, "size size 3"]] = []
    windows: list[tuple[float, float, float]] = []
    for row, crop in enumerate(crops):
        generator = random(seed, "augmentation", row)
        plain = Crop(crop.image, crop.mask, crop.valid, crop.view)
        if torch.rand((), generator=generator) >= config.share:
            samples.append(plain)
            seen.append(plain.image)
            windows.append(WHOLE)
            continue
        size = plain.image.shape[0]
        box = _window(size, config, generator)
        other = crops[int(torch.randint(len(crops), (), generator=generator))]
        changed = _reframe(plain, box, generator)
        samples.append(changed)
        seen.append(_corrupt(changed, other, config, generator))
        windows.append((box.left / size, box.top / size, box.width / size))
    return Augmented(samples, seen, torch.tensor(windows))


def _window(size: int, config: Augmentation, generator: torch.Generator) -> Box:
    """The new crop, in whole pixels of the old one."""
    shift_x, shift_y, zoom = (2 * torch.rand(3, generator=generator) - 1).tolist()
    side = round(size * (1 + config.zoom * zoom))
    middle = (size - side) / 2
    left, top = round(middle + config.shift * shift_x * size), round(middle + config.shift * shift_y * size)
    return Box(left, top, side, side)


def _reframe(crop: Crop, box: Box, generator: torch.Generator) -> Crop:
    """Another frame and other colours, as a photographer and a camera choose them."""
    image, mask, valid = (cut(picture, box, len(crop.image)) for picture in (crop.image, crop.mask, crop.valid))
    return Crop(_bytes(recolour(_tensor(image), generator)), mask, valid, crop.view)


def _corrupt(
    sample: Crop, other: Sample, config: Augmentation, generator: torch.Generator
) -> UInt8[ndarray, "size size 3"]:
    """What the encoder sees instead of a crop."""
    image = _tensor(sample.image)
    if torch.rand((), generator=generator) < config.background:
        soft = avg_pool2d(torch.from_numpy(sample.mask)[None, None].float(), 3, 1, 1)
        image = _background(len(sample.image), other, generator).lerp(image, soft)
    return _bytes(degrade(image, generator))


def _background(size: int, other: Sample, generator: torch.Generator) -> Float[Tensor, "1 3 size size"]:
    """One colour, clouds of several sizes, or another crop with its animal."""
    kind: Int[Tensor, ""] = torch.randint(3, (), generator=generator)
    if kind == 0:
        return torch.rand(1, 3, 1, 1, generator=generator).expand(1, 3, size, size)
    if kind == 1:
        grids = (torch.rand(1, 3, cells, cells, generator=generator) for cells in (2, 5, 12, 30))
        scaled = [interpolate(grid, (size, size), mode="bilinear") for grid in grids]
        return torch.stack(scaled).mean(0)
    return _tensor(other.image).flip(-1)


def _tensor(image: UInt8[ndarray, "size size 3"]) -> Float[Tensor, "1 3 size size"]:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def _bytes(image: Float[Tensor, "1 3 size size"]) -> UInt8[ndarray, "size size 3"]:
    return (image[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
