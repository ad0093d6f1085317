"""Free-form deformation by a lattice of control points (Sederberg and Parry, SIGGRAPH 1986), alike left and right."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

WIDE = 16
"""Columns from which on a product with few columns is fast, forwards and backwards."""


@dataclass(frozen=True)
class Lattice:
    """Control points around a surface that is its own mirror image at x = 0.

    Each is one on either side, mirrored, and carries what is near it.
    """

    points: Float[Tensor, "points 3"]
    """Where they are on the side of +x, object frame."""
    weights: Float[Tensor, "vertices points"]
    """How much of each control point's shift a vertex takes; they sum to 1."""
    side: Float[Tensor, "vertices 3"]
    """Factor on a vertex's shift: across, from 0 on the mirror plane to 1 or -1 a spacing away from it; else 1."""

    @classmethod
    def around(cls, vertices: Float[Tensor, "vertices 3"], spacing: float) -> "Lattice":
        """A grid of at most this spacing over the surface's box, of which what is near the surface is kept."""
        half = torch.cat((vertices[:, :1].abs(), vertices[:, 1:]), 1)
        axes = []
        for low, high in zip(half.amin(0).tolist(), half.amax(0).tolist(), strict=True):
            axes.append(torch.linspace(low, high, 2 + int((high - low) / spacing)))
        points = torch.cartesian_prod(*axes).to(vertices)
        distance = torch.cdist(half, points, compute_mode="donot_use_mm_for_euclid_dist")
        near = distance.amin(0) < spacing
        weights = (-(distance[:, near] / spacing).square()).softmax(1)
        side = torch.ones_like(vertices)
        side[:, 0] = (vertices[:, 0] / spacing).clamp(-1, 1)
        return cls(points[near], weights, side)

    def carry(self, shifts: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch vertices 3"]:
        """Shifts of the control points on the side of +x to those of the vertices, image by image."""
        # One product for all images, as wide as is needed for a fast one: a narrow one takes three times as long.
        columns = shifts.movedim(0, 1).flatten(1)
        wide = pad(columns, (0, max(0, WIDE - columns.shape[1])))
        flat = (self.weights @ wide)[:, : columns.shape[1]]
        return self.side * flat.unflatten(1, (-1, 3)).movedim(1, 0)
