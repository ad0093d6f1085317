"""Losses on the predicted light: a penalty for lights behind the animal, and the distance to a known light.

One picture does not tell a pale animal in shade from a dark one in the light, and flat light forgives wrong normals:
by colours alone the light ends up behind the animals, and they are far too bright from their other side.
"""

from jaxtyping import Float
from torch import Tensor

from models.data.batch import Batch
from models.rendering.types import Light

AHEAD = 0.3
"""Least z component of a light's direction that is not penalised: 17 degrees in front of the animal."""


def backlight_penalty(light: Light) -> Float[Tensor, ""]:
    """Squared hinge on the z component of the light's direction: penalises lights behind the animal."""
    return (AHEAD - light.direction[:, 2]).clamp(min=0).square().mean()


def light_distance(light: Light, batch: Batch) -> Float[Tensor, ""]:
    """Mean squared distance between the lights' coefficients."""
    if batch.truth is None:
        raise ValueError("batch.truth is None; only procedural animals know their lights")
    return (light.coefficients - batch.truth.light).square().sum(-1).mean()
