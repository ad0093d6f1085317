"""What a body is fitted to, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from models.geometry.body import ParametricBody
from models.geometry.cameras import PerspectiveCamera

FEWEST = 4
"""Landmarks without which no pose, shape and camera can be told."""


@dataclass(frozen=True)
class Observed:
    """Landmarks of a batch of pictures, in the order of the body's own."""

    points: Float[Tensor, "batch landmarks 2"]
    """Normalised device coordinates: 1 is half of the longer side of the picture from its centre, x right, y down."""
    confidence: Float[Tensor, "batch landmarks"]
    """How far each is trusted, at most 1; 0 where it is not known."""
    mask: Float[Tensor, "batch size size"] | None = None
    """1 on the animal, over the whole of square pictures; None where no mask is known."""


@dataclass(frozen=True)
class BodyFit:
    """Bodies in their own frames, and the cameras that see them."""

    angles: Float[Tensor, "batch joints 3"]
    """Axis times angle of each joint; the root has none, the camera turns in its place."""
    shape: Float[Tensor, "batch shapes"]
    camera: PerspectiveCamera
    energy: Float[Tensor, " batch"]
    miss: Float[Tensor, " batch"]
    """Mean distance of the known landmarks from where the body has them, as a share of the longer side of their box."""

    def to(self, device: torch.device) -> "BodyFit":
        """The same on a device."""
        angles, shape, energy, miss = (part.to(device) for part in (self.angles, self.shape, self.energy, self.miss))
        return BodyFit(angles, shape, self.camera.to(device), energy, miss)


def observe(body: ParametricBody, pixels: Mapping[str, tuple[float, ...]], width: float, height: float) -> Observed:
    """Landmarks of one picture, each by its name: x and y in pixels, and a confidence if there is one.

    Raises ValueError for a name that the body does not have, a point outside of the picture, a confidence that is no
    number, fewer than four, or all at one place.
    """
    strange = sorted(set(pixels) - set(body.landmarks))
    if strange:
        raise ValueError(
            f"joints {', '.join(strange[:4])}{', ...' if len(strange) > 4 else ''} are those of another skeleton; "
            f"this body has {', '.join(body.landmarks)}"
        )
    points, confidence = torch.zeros(1, len(body.landmarks), 2), torch.zeros(1, len(body.landmarks))
    for name, values in pixels.items():
        x, y, trust = (*values, 1.0)[:3]
        if trust <= 0:
            continue
        if not isfinite(trust):
            raise ValueError(f"joint {name} has the confidence {trust:g}; give 0 to 1")
        if not (0 <= x <= width and 0 <= y <= height):
            raise ValueError(
                f"joint {name} is at ({x:g}, {y:g}), outside of the picture of {width:g} x {height:g} pixels; "
                "leave it out, or give it the confidence 0"
            )
        index = body.landmarks.index(name)
        points[0, index] = torch.tensor((2 * x - width, 2 * y - height)) / max(width, height)
        confidence[0, index] = min(trust, 1.0)
    check_enough(Observed(points, confidence))
    known = points[confidence > 0]
    if (known == known[0]).all():
        raise ValueError("all joints are at one place; give those of a body, which is larger")
    return Observed(points, confidence)


def check_enough(observed: Observed) -> None:
    """Raises ValueError where a picture shows fewer than four landmarks."""
    fewest = int((observed.confidence > 0).sum(1).min())
    if fewest < FEWEST:
        raise ValueError(f"{fewest} joints are known; a body is fitted to at least {FEWEST}")
