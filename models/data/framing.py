"""The square around an animal, as MagicPony cuts it: every animal covers a quarter of its crop (fidelity F4)."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from PIL import Image

STRIP_ROWS = 512


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
    area = int(mask.sum())
    half = max(1, int(np.sqrt(area)))
    # Means of the indices by their counts: a list of them would take sixteen bytes a pixel.
    row, column = (int(mask.sum(other) @ np.arange(mask.shape[axis]) / area) for axis, other in ((0, 1), (1, 0)))
    return Box(column - half, row - half, 2 * half, 2 * half)


def cut(
    picture: UInt8[ndarray, "height width 3"] | Bool[ndarray, "height width"], box: Box, size: int
) -> UInt8[ndarray, "size size 3"] | Bool[ndarray, "size size"]:
    """The box of a photo or of its mask, resized; black or off where it reaches outside.

    Cut in strips: Pillow resizes the rows of a square first too, so no bit depends on the height of a strip.
    """
    top, bottom = box.top, box.top + box.height
    strips = [
        _narrow_strip(picture, box, row, min(row + STRIP_ROWS, bottom), size) for row in range(top, bottom, STRIP_ROWS)
    ]
    narrow = Image.fromarray(np.concatenate(strips))
    resized = np.array(narrow.resize((size, size), Image.Resampling.BILINEAR))
    return resized > 127 if picture.dtype == bool else resized


def _narrow_strip(
    picture: UInt8[ndarray, "height width 3"] | Bool[ndarray, "height width"],
    box: Box,
    top: int,
    bottom: int,
    size: int,
) -> UInt8[ndarray, "rows size *channels"]:
    """Rows of the box, resized to their width: what resizing does first, in pieces, for a box may be huge."""
    first, last = (min(max(row, 0), len(picture)) for row in (top, bottom))
    rows = picture[first:last]
    if rows.dtype == bool:
        rows = rows.astype(np.uint8) * 255
    if not rows.size:
        return np.zeros((bottom - top, size, *picture.shape[2:]), np.uint8)
    strip = Image.fromarray(rows).crop((box.left, top - first, box.left + box.width, bottom - first))
    return np.asarray(strip.resize((size, bottom - top), Image.Resampling.BILINEAR))
