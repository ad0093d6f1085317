"""How far a surface is from a known one: taught to the embedded quadruped only, whose animals are procedural."""

import torch
from jaxtyping import Float
from torch import Tensor

SOFT = 0.01
"""Halves of the picture's width below which a miss hardly counts: known points lie about so far apart."""


def chamfer(found: Float[Tensor, "batch vertices 3"], known: Float[Tensor, "batch points 3"]) -> Float[Tensor, ""]:
    """Mean distance from each point to the nearest of the other set, both ways added."""
    with torch.no_grad():
        apart = torch.cdist(found, known)
        to_known, to_found = apart.argmin(2), apart.argmin(1)
    return _miss(found - _rows(known, to_known)) + _miss(_rows(found, to_found) - known)


def _rows(points: Tensor, rows: Tensor) -> Tensor:
    return points.gather(1, rows[..., None].expand(-1, -1, 3))


def _miss(difference: Tensor) -> Tensor:
    return (difference.square().sum(-1) + SOFT**2).sqrt().mean()
