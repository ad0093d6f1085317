"""Where a lamp stands: held before the animal, and taught to the embedded quadruped, whose animals are procedural.

One picture does not tell a pale animal in shade from a dark one in the light, and flat light forgives wrong normals:
by colours alone the lamp ends up behind the animals, and they are far too bright from their other side.
"""

from jaxtyping import Float
from torch import Tensor

from models.data.batch import Batch
from models.rendering.types import Light

AHEAD = 0.3
"""Least part of a lamp's direction that points from the animal to the camera: 17 degrees before it."""


def behind(found: Light) -> Float[Tensor, ""]:
    """Mean squared lack of `AHEAD`: who takes a picture of an animal seldom looks into the light."""
    return (AHEAD - found.direction[:, 2]).clamp(min=0).square().mean()


def light(found: Light, batch: Batch) -> Float[Tensor, ""]:
    """Mean squared distance between the lights' coefficients."""
    if batch.truth is None:
        raise ValueError("batch.truth is None; only procedural animals know their lamps")
    return (found.coefficients - batch.truth.light).square().sum(-1).mean()
