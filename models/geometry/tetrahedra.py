"""Marching tetrahedra on a regular grid (Doi & Koide 1991), differentiable in the field (DMTet, Shen et al. 2021).

Each cube of the grid is cut into six tetrahedra along the paths from one corner to the opposite one (Kuhn). Cubes with
an odd index along an axis are mirrored along it, so that neighbours share their faces' diagonals and the whole grid is
its own mirror image in every plane of grid points. Nothing but the cubes that the surface crosses is ever expanded.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MARGIN = 0.05
"""Vertices keep this share of an edge from its ends: triangles without area have no usable gradient."""
FLATTEST = 0.2
"""A field flatter than this slope along an edge moves its vertex as if it had this slope."""


@dataclass(frozen=True)
class Crossings:
    """Where the boundary of a set of grid points lies: one vertex per grid edge with one end inside."""

    inner: Int[Tensor, " vertices"]
    """Flat index of each edge's end inside."""
    outer: Int[Tensor, " vertices"]
    faces: Int[Tensor, "faces 3"]
    """Counter-clockwise seen from outside."""


def crossings(inside: Bool[Tensor, "x y z"]) -> Crossings:
    """The closed surface around the points that are inside; those on the grid's rim must be outside."""
    tables = _tables(inside.device)
    tetrahedra, mirrored = _crossed_tetrahedra(inside, tables)
    flat = inside.flatten()
    kinds = (flat[tetrahedra] * tables.powers).sum(-1)
    corners = tetrahedra[:, tables.edges]
    rows, slots = (tables.triangles[kinds, :, 0] >= 0).nonzero(as_tuple=True)
    ends = corners[rows[:, None], tables.triangles[kinds[rows], slots]]
    low, high = ends.amin(-1), ends.amax(-1)
    keys, faces = (low * len(flat) + high).unique(return_inverse=True)
    faces = torch.where(mirrored[rows, None], faces.flip(-1), faces)
    low, high = keys // len(flat), keys % len(flat)
    return Crossings(torch.where(flat[low], low, high), torch.where(flat[low], high, low), faces)


def zero_points(
    inner: Float[Tensor, "vertices 3"],
    outer: Float[Tensor, "vertices 3"],
    value_inner: Float[Tensor, " vertices"],
    value_outer: Float[Tensor, " vertices"],
) -> Float[Tensor, "vertices 3"]:
    """Zeros of the field, linear between the ends of each edge.

    With t = s_in / (s_in - s_out) the gradient is dt = ((1 - t) ds_in + t ds_out) / (s_in - s_out). It is written out,
    so that it survives the margin at the ends and stays bounded where the field is flat.
    """
    fall = (value_inner - value_outer).detach()
    share = (value_inner.detach() / fall.clamp_min(1e-12)).clamp(MARGIN, 1 - MARGIN)
    change_inner, change_outer = value_inner - value_inner.detach(), value_outer - value_outer.detach()
    fall = fall.maximum(FLATTEST * (outer - inner).norm(dim=-1))
    share = share + ((1 - share) * change_inner + share * change_outer) / fall
    return inner + share[:, None] * (outer - inner)


@dataclass(frozen=True)
class _Tables:
    bits: Int[Tensor, "8 3"]
    tetrahedra: Int[Tensor, "6 4"]
    edges: Int[Tensor, "6 2"]
    triangles: Int[Tensor, "16 2 3"]
    powers: Int[Tensor, "4"]


@lru_cache(maxsize=8)
def _tables(device: torch.device) -> _Tables:
    bits = torch.tensor([[corner >> axis & 1 for axis in range(3)] for corner in range(8)])
    tetrahedra = torch.tensor([_path(axes) for axes in permutations(range(3))])
    edges = list(combinations(range(4), 2))
    triangles = torch.full((16, 2, 3), -1)
    for kind in range(1, 15):
        for slot, triangle in enumerate(_triangles(kind, edges)):
            triangles[kind, slot] = torch.tensor(triangle)
    powers = torch.tensor((1, 2, 4, 8))
    return _Tables(*(table.to(device) for table in (bits, tetrahedra, torch.tensor(edges), triangles, powers)))


def _path(axes: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Corners from 0 to 7 along the axes in this order, as a tetrahedron of positive volume."""
    first, second = 1 << axes[0], 1 << axes[0] | 1 << axes[1]
    even = axes in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    return (0, first, second, 7) if even else (0, second, first, 7)


def _triangles(kind: int, edges: list[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Edges under the triangles of a positive tetrahedron whose corners with a 1 in `kind` are inside."""
    inside = [corner for corner in range(4) if kind >> corner & 1]
    outside = [corner for corner in range(4) if corner not in inside]
    if len(inside) == 2:
        (a, b), (c, d) = inside, outside
        ring = [(a, c), (a, d), (b, d), (b, c)]
    else:
        ring = [(a, b) for a in inside for b in outside]
    corners = torch.tensor(((0.0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)))
    middles = torch.stack([(corners[a] + corners[b]) / 2 for a, b in ring])
    normal = torch.linalg.cross(middles[1] - middles[0], middles[2] - middles[0])
    if normal @ (corners[outside].mean(0) - corners[inside].mean(0)) < 0:
        ring.reverse()
    indices = [edges.index((min(edge), max(edge))) for edge in ring]
    return [(indices[0], *indices[at : at + 2]) for at in range(1, len(indices) - 1)]


def _crossed_tetrahedra(
    inside: Bool[Tensor, "x y z"], tables: _Tables
) -> tuple[Int[Tensor, "tetrahedra 4"], Bool[Tensor, " tetrahedra"]]:
    """Flat point indices of the tetrahedra in crossed cubes that have both kinds of corner; which are mirrored."""
    last = [size - 1 for size in inside.shape]
    count = torch.zeros(last, dtype=torch.int8, device=inside.device)
    for x, y, z in tables.bits.tolist():
        count += inside[x : x + last[0], y : y + last[1], z : z + last[2]]
    cubes = ((count > 0) & (count < 8)).nonzero()
    odd = cubes & 1
    corners = cubes[:, None] + (tables.bits ^ odd[:, None])
    points = (corners[..., 0] * inside.shape[1] + corners[..., 1]) * inside.shape[2] + corners[..., 2]
    tetrahedra = points[:, tables.tetrahedra].flatten(0, 1)
    mirrored = (odd.sum(-1) % 2 == 1).repeat_interleave(6)
    occupied = inside.flatten()[tetrahedra].sum(-1)
    crossed = (occupied > 0) & (occupied < 4)
    return tetrahedra[crossed], mirrored[crossed]
