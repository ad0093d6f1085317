"""What is wrong with a photo before anything is looked for in it."""

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from pydantic import Field

from models.config import Config

Photo = UInt8[ndarray, "height width 3"]
Grey = Float[ndarray, "height width"]


class ImageRules(Config):
    """Thresholds, for brightness in [0, 1]."""

    blank: float = Field(default=0.02, ge=0, description="least standard deviation")
    dark: float = Field(default=0.06, ge=0, description="least mean")
    bright: float = Field(default=0.96, ge=0, description="largest mean")
    contrast: float = Field(default=0.15, ge=0, description="least distance from the 5th to the 95th percentile")
    detail: float = Field(default=0.004, ge=0, description="least mean difference of neighbouring pixels")


def verdict(photo: Photo, rules: ImageRules) -> str | None:
    """The first reason to drop a photo."""
    grey = photo.mean(-1) / 255
    return next((reason for rule in RULES if (reason := rule(grey, rules))), None)


def black(grey: Grey, rules: ImageRules) -> str | None:
    """Nothing at all: what a safety checker leaves of a picture it flags, and an overflow in half precision."""
    return None if grey.any() else "black"


def blank(grey: Grey, rules: ImageRules) -> str | None:
    """One colour all over."""
    return "blank" if grey.std() < rules.blank else None


def exposure(grey: Grey, rules: ImageRules) -> str | None:
    """Nothing to see for darkness or light."""
    if grey.mean() < rules.dark:
        return "too dark"
    return "too bright" if grey.mean() > rules.bright else None


def contrast(grey: Grey, rules: ImageRules) -> str | None:
    """Fog."""
    low, high = np.percentile(grey, (5, 95))
    return "low contrast" if high - low < rules.contrast else None


def detail(grey: Grey, rules: ImageRules) -> str | None:
    """Blur all over."""
    change = (np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2
    return "blurred" if change < rules.detail else None


RULES = (black, blank, exposure, contrast, detail)
