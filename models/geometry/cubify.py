"""From occupied voxels to closed meshes (Mesh R-CNN, Gkioxari et al. 2019, section 3.2.1).

Every voxel is a cube of 8 vertices and 12 triangles; shared vertices are merged and faces between two voxels left out.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from models.geometry.mesh_batch import MeshBatch

_SIDES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
)
"""An axis and the two across it, so that (across, along, axis) are right-handed."""


def cubify(occupied: Bool[Tensor, "batch x y z"]) -> MeshBatch:
    """The surfaces of grids, in units of voxels from the grid's first corner; every edge has two faces.

    Voxels that touch along an edge alone are joined first (`join_diagonals`), or that edge would have four.
    """
    occupied = join_diagonals(occupied)
    quads = torch.cat([quad for sides in _SIDES for quad in _quads(occupied, *sides)])
    batch, *sizes = occupied.shape
    # Corners are numbered over the whole batch; what is used of them are the vertices.
    x, y, z = (size + 1 for size in sizes)
    number = ((quads[..., 0] * x + quads[..., 1]) * y + quads[..., 2]) * z + quads[..., 3]
    corners, face = number.unique(return_inverse=True)
    row = corners // (x * y * z)
    place = torch.stack((corners // (y * z) % x, corners // z % y, corners % z), 1)
    face = face[row[face[:, 0]].argsort(stable=True)]
    triangles = torch.stack((face[:, [0, 1, 2]], face[:, [0, 2, 3]]), 1).flatten(0, 1)
    return MeshBatch(place.float(), triangles, row, batch)


def join_diagonals(occupied: Bool[Tensor, "batch x y z"]) -> Bool[Tensor, "batch x y z"]:
    """The voxels and, wherever two of them touch along an edge alone, the two empty ones beside that edge."""
    while True:
        joined = occupied.clone()
        for first, second in ((1, 2), (2, 3), (1, 3)):
            a, b, c, d = (_quarter(occupied, first, second, corner) for corner in ((0, 0), (1, 1), (0, 1), (1, 0)))
            touching = (a & b & ~c & ~d) | (c & d & ~a & ~b)
            for corner in ((0, 0), (1, 1), (0, 1), (1, 0)):
                _quarter(joined, first, second, corner).logical_or_(touching)
        if torch.equal(joined, occupied):
            return joined
        occupied = joined


def _quarter(grid: Bool[Tensor, "..."], first: int, second: int, corner: tuple[int, int]) -> Bool[Tensor, "..."]:
    """One voxel of every 2 x 2 block across two axes, as a view."""
    for axis, last in zip((first, second), corner, strict=True):
        grid = grid.narrow(axis, last, grid.shape[axis] - 1)
    return grid


def _quads(
    occupied: Bool[Tensor, "batch x y z"],
    axis: tuple[int, int, int],
    across: tuple[int, int, int],
    along: tuple[int, int, int],
) -> list[Int[Tensor, "quads 4 4"]]:
    """Corners (mesh, x, y, z) of the outer faces of the voxels to both sides of an axis, counter-clockwise."""
    dimension = axis.index(1) + 1
    empty = ~pad(occupied, (1, 1) * 3, value=False)
    unit, u, v = (torch.tensor((0, *step), device=occupied.device) for step in (axis, across, along))
    quads: list[Tensor] = []
    for shift, order in ((1, (0 * u, u, u + v, v)), (-1, (0 * u, v, u + v, u))):
        inner = tuple(
            slice(1 + shift, occupied.shape[i] + 1 + shift) if i == dimension else slice(1, -1) for i in (1, 2, 3)
        )
        exposed = (occupied & empty[(slice(None), *inner)]).nonzero()
        start = exposed + unit if shift == 1 else exposed
        quads.append(torch.stack([start + corner for corner in order], 1))
    return quads
