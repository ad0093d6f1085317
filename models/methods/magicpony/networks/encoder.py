"""Token maps of a frozen ViT to image codes (MagicPony; fidelity F29)."""

from concurrent.futures import Executor, Future
from contextlib import nullcontext
from math import log2
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.data.batch import Batch

Tokens = tuple[Float[Tensor, "batch channels rows columns"], Float[Tensor, "batch channels rows columns"]]


@runtime_checkable
class Vit(Protocol):
    """A frozen vision transformer."""

    @property
    def channels(self) -> int:
        """Length of a token."""
        ...

    @property
    def digest(self) -> str:
        """Digest of its weights."""
        ...

    def tokens(self, images: Float[Tensor, "batch size size 3"]) -> Tokens:
        """Final tokens and keys of the last block, as maps, for images in [0, 1]."""
        ...


class EncoderConfig(Config):
    """Sizes of the heads that read the token maps; the paper has a grid of 32, width 256 and codes of 256."""

    image: int = Field(default=128, ge=16, description="pixels along an edge of what the ViT sees")
    grid: int = Field(default=16, ge=4, description="token maps are brought to this many rows; a power of 2")
    width: int = Field(default=128, ge=4, multiple_of=4, description="channels of the heads' convolutions")
    code: int = Field(default=128, ge=1, description="length of an image code")
    feature_cache_size: int = Field(
        default=2000, ge=0, description="training crops whose frozen tokens are kept in memory"
    )

    @field_validator("grid")
    @classmethod
    def _power_of_two(cls, grid: int) -> int:
        if log2(grid) % 1:
            raise ValueError(f"is {grid}; heads halve it down to 4, give a power of 2")
        return grid

    def head(self, channels: int, outputs: int) -> "Head":
        """Token map to vector: halved down to 4 x 4, then one convolution over all of it."""
        layers: list[nn.Module] = []
        for _ in range(int(log2(self.grid)) - 2):
            layers += [
                nn.Conv2d(channels, self.width, 4, stride=2, padding=1, bias=False),
                nn.GroupNorm(self.width // 4, self.width),
                nn.LeakyReLU(0.2),
            ]
            channels = self.width
        return Head(*layers, nn.Conv2d(channels, outputs, 4, bias=False), nn.Flatten())

    def build(self, vit: Vit) -> "Tokenizer":
        """The frozen part."""
        return Tokenizer(self, vit)


class Head(nn.Sequential):
    """Reads a token map, where it is told to in bfloat16 while it is trained."""

    bf16 = False

    def forward(self, input: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch outputs"]:
        """One vector per image."""
        with bf16_autocast(input.device.type) if self.training and self.bf16 else nullcontext():
            return super().forward(input).to(input)


class Tokenizer:
    """Asks the frozen ViT; remembers its answers for training crops by `Batch.index` and the picture's mean.

    Two data sets may use the same index: the mean tells them apart.
    """

    def __init__(self, config: EncoderConfig, vit: Vit) -> None:
        """Nothing here is trained or saved."""
        self.config, self.vit = config, vit
        self.bf16 = False
        """Whether training crops are encoded in bfloat16."""
        self._kept: dict[tuple[int, float], Tensor] = {}
        self._coming: dict[tuple[int, float], Future[Tensor]] = {}

    def __call__(self, batch: Batch, training: bool) -> Tokens:
        """Final tokens and keys, both `grid` rows high."""
        if training and self.config.feature_cache_size:
            maps = torch.stack([self._recall(batch, place) for place in range(len(batch))], 1)
            return maps[0].to(batch.image), maps[1].to(batch.image)
        out, key = self._ask(batch.shown, training and self.bf16)
        return out, key

    def prefetch(self, batch: Batch, helper: Executor) -> None:
        """Encode a later step's crops on the helper thread, unless they are cached."""
        if not self.config.feature_cache_size:
            return
        for place, image in enumerate(batch.shown):
            key = _key(batch, place)
            if key not in self._kept and key not in self._coming:
                self._coming[key] = helper.submit(self._ask, image[None], self.bf16)

    @torch.no_grad()
    def _ask(self, image: Tensor, bf16: bool = False) -> Tensor:
        size, grid = self.config.image, self.config.grid
        image = resize_for_vit(image, size)
        with bf16_autocast(image.device.type) if bf16 else nullcontext():
            maps = torch.stack(self.vit.tokens(image)).float()
        if maps.shape[-2:] != (grid, grid):
            maps = interpolate(maps.flatten(0, 1), (grid, grid), mode="bilinear").view(*maps.shape[:3], grid, grid)
        return maps

    def _recall(self, batch: Batch, place: int) -> Tensor:
        """Both maps of one image in half precision. Asked one by one, so that company does not change the bits."""
        key = _key(batch, place)
        if key in self._kept:
            return self._kept[key]
        coming = self._coming.pop(key, None)
        asked = self._ask(batch.shown[place : place + 1], self.bf16) if coming is None else coming.result()
        maps = asked[:, 0].half()
        if key[0] >= 0 and len(self._kept) < self.config.feature_cache_size:
            self._kept[key] = maps
        return maps


def resize_for_vit(images: Float[Tensor, "batch height width 3"], size: int) -> Float[Tensor, "batch {size} {size} 3"]:
    """The pictures at the size at which the transformer sees them."""
    if images.shape[1] == size:
        return images
    channels_first = images.permute(0, 3, 1, 2)
    return interpolate(channels_first, (size, size), mode="bilinear", antialias=True).permute(0, 2, 3, 1)


def _key(batch: Batch, place: int) -> tuple[int, float]:
    return int(batch.index[place]), batch.shown[place].mean().item()
