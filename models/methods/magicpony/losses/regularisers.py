"""Regularisers: a true distance field, small bone angles and small deformations (fidelity F36)."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from models.methods.magicpony.state import Prediction


def eikonal(
    sdf: Callable[[Float[Tensor, "points 3"]], Float[Tensor, " points"]],
    surface: Float[Tensor, "vertices 3"],
    half_extent: float,
    points: int,
    generator: torch.Generator | None,
) -> Float[Tensor, ""]:
    """Mean (|grad sdf| - 1)^2 at `points` places in the grid's cube and as many near the surface.

    `half_extent` is that of the cube; "near" is a tenth of it, 0.35 of 3.5 in the authors' code.
    """
    chosen = torch.randint(len(surface), (points,), generator=generator)
    noise = torch.rand(2, points, 3, generator=generator).to(surface) * 2 - 1
    near = surface.detach()[chosen.to(surface.device)] + 0.1 * half_extent * noise[1]
    places = torch.cat((half_extent * noise[0], near)).requires_grad_()
    (slope,) = torch.autograd.grad(sdf(places).sum(), places, create_graph=True)
    # The root has an infinite slope at a flat field; 1e-12 keeps it finite.
    return ((slope.square().sum(-1) + 1e-12).sqrt() - 1).square().mean()


def articulation(prediction: Prediction) -> Float[Tensor, ""] | None:
    """Mean squared bone angle; None before articulation starts."""
    return None if prediction.angles is None else prediction.angles.square().mean()


def deformation(prediction: Prediction) -> Float[Tensor, ""] | None:
    """Mean squared shift of the vertices; None before deformation starts."""
    return None if prediction.deformation is None else prediction.deformation.square().mean()
