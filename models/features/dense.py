"""Feature maps of a data set: each crop's tokens in their principal directions over the category (fidelity F5)."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from models.data.framing import Crop
from models.features.vit import Pca, Vit

FITTED = 500
"""Crops from which the directions are found, spread evenly; all tokens of 10,000 would not fit into memory."""
BATCH_SIZE = 16
"""Crops that the transformer sees at a time."""


def add_feature_maps(
    crops: Sequence[Crop], vit: Vit, pixels: int, components: int, pca: Pca | None = None
) -> tuple[list[Crop], Pca]:
    """The crops with their maps, and the directions of these: `pca`, or those of the crops themselves."""
    images = torch.from_numpy(np.stack([crop.image for crop in crops]))
    masks = torch.from_numpy(np.stack([crop.mask for crop in crops]))
    pca = pca or principal_directions(vit, images, masks, pixels, components)
    maps = feature_maps(vit, images, pixels, pca).numpy()
    return [crop.with_features(features) for crop, features in zip(crops, maps, strict=True)], pca


def principal_directions(
    vit: Vit,
    images: UInt8[Tensor, "count size size 3"],
    masks: Bool[Tensor, "count size size"],
    pixels: int,
    components: int,
) -> Pca:
    """Directions in which the tokens of animals vary most; `pixels` is the size at which the ViT sees a crop."""
    chosen = torch.linspace(0, len(images) - 1, min(FITTED, len(images))).round().long().unique()
    keys = torch.cat(list(_keys(vit, images[chosen], pixels)))
    inside = interpolate(masks[chosen, None].float(), keys.shape[-2:], mode="area")[:, 0]
    return Pca.fit(keys, inside, components)


def feature_maps(
    vit: Vit, images: UInt8[Tensor, "count size size 3"], pixels: int, pca: Pca
) -> Float[Tensor, "count components rows columns"]:
    """Half-precision maps in [0, 1] of all crops."""
    return torch.cat([pca.transform(keys).half() for keys in _keys(vit, images, pixels)])


def _keys(
    vit: Vit, images: UInt8[Tensor, "count size size 3"], pixels: int
) -> Iterator[Float[Tensor, "batch channels rows columns"]]:
    device = next(vit.network.parameters()).device
    for batch in images.split(BATCH_SIZE):
        scaled = batch.to(device).movedim(-1, 1).float() / 255
        scaled = interpolate(scaled, (pixels, pixels), mode="bilinear", antialias=True, align_corners=False)
        yield vit.tokens(scaled.movedim(1, -1))[1].cpu()
