"""What is wrong with a photo before anything is looked for in it."""

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image
from pydantic import Field

from models.core.config import Config

Photo = UInt8[ndarray, "height width 3"]
Grey = Float[ndarray, "height width"]
LONGER_PX, SHORTER_PX = 128, 16
"""Pixels along the longer side at which blur is measured, and fewest along the shorter one: the other blur has 11."""


class ImageRules(Config):
    """Thresholds, for brightness in [0, 1]."""

    dark: float = Field(default=0.06, ge=0, description="least mean")
    bright: float = Field(default=0.96, ge=0, description="largest mean")
    blank: float = Field(default=0.02, ge=0, description="least standard deviation")
    contrast: float = Field(default=0.15, ge=0, description="least distance from the 5th to the 95th percentile")
    blur: float = Field(
        default=0.8, ge=0, description="largest share of the differences of neighbours that outlives another blur"
    )


def verdict(photo: Photo, rules: ImageRules) -> str | None:
    """The first reason to drop a photo."""
    grey = photo.mean(-1) / 255
    return next((reason for rule in RULES if (reason := rule(grey, rules))), None)


def black(grey: Grey, rules: ImageRules) -> str | None:
    """Nothing at all: what a safety checker leaves of a picture it flags, and an overflow in half precision."""
    return None if grey.any() else "black"


def exposure(grey: Grey, rules: ImageRules) -> str | None:
    """Nothing to see for darkness or light. Comes first: what is dark has little contrast because of it."""
    if grey.mean() < rules.dark:
        return "too dark"
    return "too bright" if grey.mean() > rules.bright else None


def blank(grey: Grey, rules: ImageRules) -> str | None:
    """One colour all over."""
    return "blank" if grey.std() < rules.blank else None


def contrast(grey: Grey, rules: ImageRules) -> str | None:
    """Fog."""
    low, high = np.percentile(grey, (5, 95))
    return "low contrast" if high - low < rules.contrast else None


def blur(grey: Grey, rules: ImageRules) -> str | None:
    """Blur all over: another blur changes little, whichever way it goes (Crete et al. 2007).

    Measured at one size, so that a pixel means the same. An axis along which nothing changes at all is blurred.
    """
    from skimage.measure import blur_effect

    scale = LONGER_PX / max(grey.shape)
    height, width = (max(SHORTER_PX, round(side * scale)) for side in grey.shape)
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((width, height), Image.Resampling.BOX))
    with np.errstate(invalid="ignore"):
        along = np.nan_to_num(blur_effect(small, reduce_func=None), nan=1.0)
    return "blurred" if np.min(along) > rules.blur else None


RULES = (black, exposure, blank, contrast, blur)
