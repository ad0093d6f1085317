"""A sphere whose vertices lie on the grid of a map, so that a map of displacements is a closed surface (ConvMesh,
Pavllo et al. 2020, section 3.1).

The poles look along z, to head and tail: rings are cross-sections of the body. Columns go round from the back (u = 0)
over the animal's left side (x > 0) and the belly (u = 1/2); rows go from head to tail. Each vertex lies on the middle
of a texel; one more at each pole is the mean of its ring.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import pi

import torch
from jaxtyping import Float, Int
from torch import Tensor

Maps = Float[Tensor, "_ _ _ _"]
"""A batch of maps: channels, rows, columns."""


@dataclass(frozen=True, eq=False)
class UvSphere:
    """The template of all maps of one size."""

    points: Float[Tensor, "vertices 3"]
    """On the unit sphere: the grid row by row, then the pole at the head and the one at the tail."""
    frames: Float[Tensor, "vertices 3 3"]
    """Rows are normal, tangent (the way columns go) and bitangent (the way rows go)."""
    faces: Int[Tensor, "faces 3"]
    """Counter-clockwise as seen from outside."""
    size: int
    """Rows, and as many columns."""

    def vertices(self, displacement: Float[Tensor, "batch 3 rows columns"]) -> Float[Tensor, "batch vertices 3"]:
        """The surface of maps along normal, tangent and bitangent."""
        grid = self.points[:-2] + torch.einsum("bcv,vcx->bvx", displacement.flatten(2), self.frames[:-2])
        ends = (grid[:, : self.size].mean(1), grid[:, -self.size :].mean(1))
        return torch.cat((grid, torch.stack(ends, 1)), 1)

    def displacement(self, vertices: Float[Tensor, "batch vertices 3"]) -> Float[Tensor, "batch 3 rows columns"]:
        """The maps of surfaces; what lies at the poles is lost."""
        moved = torch.einsum("bvx,vcx->bcv", vertices[:, :-2] - self.points[:-2], self.frames[:-2])
        return moved.unflatten(2, (self.size, self.size))

    def to(self, device: torch.device) -> "UvSphere":
        """The same on a device."""
        return UvSphere(self.points.to(device), self.frames.to(device), self.faces.to(device), self.size)


@lru_cache(maxsize=4)
def uv_sphere(size: int) -> UvSphere:
    """The sphere of maps of `size` rows and columns."""
    u, v = (middles(size) for _ in range(2))
    frames = directions(*torch.meshgrid(v, u, indexing="ij")).flatten(0, 1)
    ends = torch.tensor([[[0.0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 0, -1], [1, 0, 0], [0, -1, 0]]])
    frames = torch.cat((frames, ends))
    return UvSphere(frames[:, 0], frames, _faces(size), size)


def middles(size: int) -> Float[Tensor, "{size}"]:
    """Middles of the texels along a side of the unit square."""
    return (torch.arange(size) + 0.5) / size


def directions(v: Float[Tensor, "*grid"], u: Float[Tensor, "*grid"]) -> Float[Tensor, "*grid 3 3"]:
    """Normal, tangent and bitangent of the unit sphere where a map has its row v and its column u."""
    polar, around = pi * v, 2 * pi * u
    zero = torch.zeros_like(polar)
    normal = torch.stack((polar.sin() * around.sin(), polar.sin() * around.cos(), polar.cos()), -1)
    tangent = torch.stack((around.cos(), -around.sin(), zero), -1)
    bitangent = torch.stack((polar.cos() * around.sin(), polar.cos() * around.cos(), -polar.sin()), -1)
    return torch.stack((normal, tangent, bitangent), -2)


def map_places(directions: Float[Tensor, "points 3"]) -> Float[Tensor, "points 2"]:
    """Column and row, in [0, 1], in which the sphere has points that lie in these directions, however far."""
    x, y, z = directions.unbind(-1)
    # Where both are 0, at the poles, atan2 has no gradient.
    away = (x.square() + y.square() + 1e-12).sqrt()
    around = torch.atan2(x, torch.where(away < 1e-5, y + 1e-5, y)) / (2 * pi)
    return torch.stack((around % 1, torch.atan2(away, z) / pi), -1)


def read_map(
    maps: Maps, places: Float[Tensor, "points 2"], image: Int[Tensor, " points"]
) -> Float[Tensor, "points channels"]:
    """Values of the maps at places of `map_places`, between texels bilinearly; `image` is the map of each."""
    _, channels, rows, columns = maps.shape
    around = torch.cat((maps[..., -1:], maps, maps[..., :1]), -1)
    x, y = places[:, 0] * columns + 0.5, (places[:, 1] * rows - 0.5).clamp(0, rows - 1)
    left, top = x.detach().floor().long().clamp(0, columns), y.detach().floor().long().clamp(0, rows - 2)
    across, down = (x - left)[:, None], (y - top)[:, None]
    flat = around.movedim(1, -1).reshape(-1, channels)
    start = (image * rows + top) * (columns + 2) + left
    upper, lower = (
        flat.index_select(0, first) * (1 - across) + flat.index_select(0, first + 1) * across
        for first in (start, start + columns + 2)
    )
    return upper * (1 - down) + lower * down


def mirror_maps(displacement: Float[Tensor, "batch 3 rows columns"]) -> Float[Tensor, "batch 3 rows columns"]:
    """Displacements of the animals mirrored left to right; maps of colours are flipped alone."""
    return displacement.flip(-1) * displacement.new_tensor((1.0, -1.0, 1.0))[:, None, None]


def _faces(size: int) -> Int[Tensor, "faces 3"]:
    row, column = (part.flatten() for part in torch.meshgrid(*(torch.arange(size),) * 2, indexing="ij"))
    following = (column + 1) % size
    inner = row < size - 1
    a, b = row * size + column, row * size + following
    c, d = a + size, b + size
    sides = torch.cat((torch.stack((a, b, c), 1)[inner], torch.stack((b, d, c), 1)[inner]))
    head, tail = torch.full((size,), size**2), torch.full((size,), size**2 + 1)
    ring, after = torch.arange(size), (torch.arange(size) + 1) % size
    last = size * (size - 1)
    caps = torch.cat((torch.stack((head, after, ring), 1), torch.stack((tail, last + ring, last + after), 1)))
    return torch.cat((sides, caps))
