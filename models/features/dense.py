"""Feature maps of a data set: each crop's tokens in the directions that vary most over the category (fidelity F5)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from models.features.vit import Pca, Vit

FITTED = 500
"""Crops from which the directions are found, spread evenly; all tokens of 10,000 would not fit into memory."""
TOGETHER = 16


def described(
    samples: Sequence[Any], vit: Vit, pixels: int, components: int, pca: Pca | None = None
) -> tuple[list[Any], Pca]:
    """The samples (dataclasses with `image`, `mask` and `features`) with their maps, and the directions of these."""
    images, masks = (
        torch.from_numpy(np.stack([getattr(each, name) for each in samples])) for name in ("image", "mask")
    )
    pca = pca or directions(vit, images, masks, pixels, components)
    maps = dense(vit, images, pixels, pca).numpy()
    return [replace(each, features=one) for each, one in zip(samples, maps, strict=True)], pca


def directions(
    vit: Vit,
    images: UInt8[Tensor, "count size size 3"],
    masks: Bool[Tensor, "count size size"],
    pixels: int,
    components: int,
) -> Pca:
    """The directions that vary most; `pixels` is the size at which the transformer sees a crop."""
    chosen = torch.linspace(0, len(images) - 1, min(FITTED, len(images))).round().long().unique()
    keys = torch.cat(list(_keys(vit, images[chosen], pixels)))
    inside = interpolate(masks[chosen, None].float(), keys.shape[-2:], mode="area")[:, 0]
    return Pca.fit(keys, inside, components)


def dense(
    vit: Vit, images: UInt8[Tensor, "count size size 3"], pixels: int, pca: Pca
) -> Float[Tensor, "count components rows columns"]:
    """Half-precision maps in [0, 1] of all crops."""
    return torch.cat([pca.transform(some).half() for some in _keys(vit, images, pixels)])


def _keys(vit: Vit, images: Tensor, pixels: int) -> Iterator[Tensor]:
    device = next(vit.network.parameters()).device
    for some in images.split(TOGETHER):
        seen = some.to(device).movedim(-1, 1).float() / 255
        seen = interpolate(seen, (pixels, pixels), mode="bilinear", antialias=True, align_corners=False)
        yield vit.tokens(seen.movedim(1, -1))[1].cpu()
