"""How far a lamp is from the known one: taught to the embedded quadruped only, whose animals are procedural.

One picture does not tell a pale animal in shade from a dark one in the light, and flat light forgives wrong normals:
by colours alone the lamp ended up behind the animals, and they were too bright from their other side.
"""

from jaxtyping import Float
from torch import Tensor

from models.prediction import Batch, Light


def light(found: Light, batch: Batch) -> Float[Tensor, ""]:
    """Mean squared distance between the lights' coefficients."""
    if batch.truth is None:
        raise ValueError("batch.truth is None; only procedural animals know their lamps")
    return (found.coefficients - batch.truth.light).square().sum(-1).mean()
