"""From a mirror-symmetric signed distance field (positive inside) to its surface (DMTet; fidelity F16).

The field is read without gradient at every second grid point and, where the surface may be near, at all of them; then
with gradient only at the ends of the grid edges that the surface crosses: the gradient is exact, at about 5 % of the
cost. x >= 0 is enough, the other half is its mirror.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.core.errors import TrainingDiverged
from models.geometry.mesh import Mesh
from models.geometry.tetrahedra import crossings, zero_points

STEEPEST = 2.0
"""A field changes at most so much per unit of length, or it may lose its details; a true distance changes by 1."""

Axes = tuple[Float[Tensor, " x"], Float[Tensor, " y"], Float[Tensor, " z"]]


@runtime_checkable
class Field(Protocol):
    """A signed distance at x >= 0."""

    def __call__(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        """Values at single points."""
        ...

    def on_grid(self, grid: Axes) -> Float[Tensor, "x y z"]:
        """Values at all combinations of the coordinates."""
        ...


def ellipsoid(points: Float[Tensor, "*shape 3"], radius: float, stretch: float) -> Float[Tensor, "*shape"]:
    """Positive inside an ellipsoid with semi-axes radius, radius, and radius * stretch along z (fidelity F17)."""
    scale = points.new_tensor((1, 1, 1 / stretch))
    return radius - ((points * scale).square().sum(-1) + 1e-12).sqrt()


def axes(resolution: int, half_extent: float, jitter: float, device: torch.device) -> Axes:
    """Coordinates of the half grid x >= 0 with `resolution` cubes along an edge of the whole.

    `jitter` shifts y and z, and stretches x, by up to its value, which keeps the mirror plane (fidelity F19).
    """
    if resolution % 4 or resolution < 4:
        raise ValueError(f"grid resolution is {resolution}; give a multiple of 4")
    line = torch.linspace(-half_extent, half_extent, resolution + 1, device=device)
    return line[resolution // 2 :] * (1 + jitter), line + jitter, line + jitter


def zero_surface(field: Field, grid: Axes) -> Mesh:
    """The zero surface of a field: closed, mirror-symmetric, outward faces; gradient to the field's parameters.

    Raises TrainingDiverged if nothing is inside.
    """
    x, y, z = grid
    middle = len(x) - 1
    with torch.no_grad():
        half = _inside(field, grid)
        half[-1] = half[:, 0] = half[:, -1] = half[:, :, 0] = half[:, :, -1] = False
        crossed = crossings(torch.cat((half[1:].flip(0), half)))
    if not len(crossed.faces):
        raise TrainingDiverged(
            f"the signed distance is positive at none of the {2 * middle + 1} x {len(y)} x {len(z)} points within "
            f"+-{float(x[-1]):.2f}: the animal's surface has vanished; lower the learning rate of the shape"
        )
    inner, outer = (_cell(ends, len(y), len(z)) for ends in (crossed.inner, crossed.outer))
    folded = torch.stack(
        [(cell[0] - middle).abs() * len(y) * len(z) + cell[1] * len(z) + cell[2] for cell in (inner, outer)]
    )
    flat, position = folded.unique(return_inverse=True)
    i, j, k = _cell(flat, len(y), len(z))
    values = field(torch.stack((x[i], y[j], z[k]), -1))
    rim = (i == middle) | (j == 0) | (j == len(y) - 1) | (k == 0) | (k == len(z) - 1)
    values = torch.where(rim, values.clamp_max(0), values)[position]
    both = torch.cat((-x[1:].flip(0), x))
    points = [torch.stack((both[cell[0]], y[cell[1]], z[cell[2]]), -1) for cell in (inner, outer)]
    return Mesh(zero_points(*points, *values)[None], crossed.faces)


def _inside(field: Field, grid: Axes) -> Bool[Tensor, "x y z"]:
    """Which grid points the field says are inside."""
    coarse = field.on_grid((grid[0][::2], grid[1][::2], grid[2][::2]))
    spacing = max((axis[1] - axis[0]).item() for axis in grid)
    # No grid point is further from its nearest even one than the diagonal of one cube.
    near = coarse.abs() <= STEEPEST * 3**0.5 * spacing
    i, j, k = ((torch.arange(len(axis), device=axis.device) + 1) // 2 for axis in grid)
    fine = near[i][:, j][:, :, k].nonzero(as_tuple=True)
    inside = (coarse > 0)[i][:, j][:, :, k]
    inside[fine] = field(torch.stack([axis[index] for axis, index in zip(grid, fine, strict=True)], -1)) > 0
    return inside


def _cell(
    index: Int[Tensor, " points"], height: int, depth: int
) -> tuple[Int[Tensor, " points"], Int[Tensor, " points"], Int[Tensor, " points"]]:
    """Numbers along x, y and z of grid points by their flat index."""
    return index // (height * depth), index // depth % height, index % depth
