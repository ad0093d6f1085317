"""The square around an animal, as MagicPony cuts it: every animal covers a quarter of its crop (facts 1.2.4)."""

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from PIL import Image

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the photo; may reach outside."""


def crop_box(mask: Bool[ndarray, "height width"]) -> Box:
    """The square of side 2 sqrt(area) centred on the centroid."""
    if not mask.any():
        raise ValueError(f"mask of {mask.shape[1]} x {mask.shape[0]} px is empty; there is nothing to cut out")
    half = max(1, int(np.sqrt(mask.sum())))
    row, column = (int(place.mean()) for place in np.nonzero(mask))
    return column - half, row - half, 2 * half, 2 * half


def cut(
    picture: UInt8[ndarray, "height width 3"] | Bool[ndarray, "height width"], box: Box, size: int
) -> UInt8[ndarray, "size size 3"] | Bool[ndarray, "size size"]:
    """The box of a photo or of its mask, resized; black or off where it reaches outside."""
    left, top, width, height = box
    image = Image.fromarray(picture.astype(np.uint8) * 255 if picture.dtype == bool else picture)
    inside = image.crop((left, top, left + width, top + height))
    resized = np.asarray(inside.resize((size, size), Image.Resampling.BILINEAR))
    return resized > 127 if picture.dtype == bool else resized
