"""The square around an animal, as MagicPony cuts it: every animal covers a quarter of its crop (fidelity F4)."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from PIL import Image


class Box(NamedTuple):
    """A rectangle in pixels of the photo; it may reach outside."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Crop:
    """One animal in its crop: a sample for `Crops`."""

    image: UInt8[ndarray, "size size 3"]
    mask: Bool[ndarray, "size size"]
    valid: Bool[ndarray, "size size"]
    """True inside the photo."""
    view: int = -1
    """Index into `models.core.category.VIEWS`, -1 where unknown."""
    features: Float[ndarray, "channels rows columns"] | None = None

    def with_features(self, features: Float[ndarray, "channels rows columns"]) -> "Crop":
        """The same crop with a feature map."""
        return replace(self, features=features)


@dataclass(frozen=True, kw_only=True)
class AnimalCrop(Crop):
    """One animal cut out as training pictures are, and where it lies in its photo."""

    box: Box


def crop_animal(
    photo: UInt8[ndarray, "height width 3"], mask: Bool[ndarray, "height width"], size: int, view: int = -1
) -> AnimalCrop:
    """The animal under the mask.

    Raises ValueError if the mask is empty.
    """
    box = crop_box(mask)
    image, inside, valid = (cut(picture, box, size) for picture in (photo, mask, np.ones_like(mask)))
    return AnimalCrop(image, inside, valid, view, box=box)


def crop_box(mask: Bool[ndarray, "height width"]) -> Box:
    """The square of side 2 sqrt(area) centred on the centroid."""
    if not mask.any():
        raise ValueError(f"mask of {mask.shape[1]} x {mask.shape[0]} px is empty; there is nothing to cut out")
    half = max(1, int(np.sqrt(mask.sum())))
    row, column = (int(index.mean()) for index in np.nonzero(mask))
    return Box(column - half, row - half, 2 * half, 2 * half)


def cut(
    picture: UInt8[ndarray, "height width 3"] | Bool[ndarray, "height width"], box: Box, size: int
) -> UInt8[ndarray, "size size 3"] | Bool[ndarray, "size size"]:
    """The box of a photo or of its mask, resized; black or off where it reaches outside."""
    image = Image.fromarray(picture.astype(np.uint8) * 255 if picture.dtype == bool else picture)
    inside = image.crop((box.left, box.top, box.left + box.width, box.top + box.height))
    resized = np.array(inside.resize((size, size), Image.Resampling.BILINEAR))
    return resized > 127 if picture.dtype == bool else resized
