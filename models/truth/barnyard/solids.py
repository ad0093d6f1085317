"""Smooth-union implicit surfaces: rounded cones melted together, and the mirrored mesh of their zero level.

The distance of a rounded cone is approximate (exact for equal radii and no squash); only its zero level is used. The
polynomial smooth minimum is that of Inigo Quilez, "smooth minimum" (2013). Only x >= 0 is meshed; the other half is its
mirror image, so bodies are symmetric to the last bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from models.truth.barnyard.noise import Field


@dataclass(frozen=True)
class Solid:
    """A rounded cone from `start` to `end`, squashed along `normal`, that belongs to one part and one bone."""

    part: str
    bone: int
    start: Float[ndarray, " 3"]
    end: Float[ndarray, " 3"]
    radii: tuple[float, float]
    blend: float = 0.1
    """Width over which it melts into the solids before it."""
    squash: float = 1.0
    """Half-thickness along `normal` over the radius."""
    normal: tuple[float, float, float] = (1.0, 0.0, 0.0)
    fluff: float = 0.0
    """Amplitude of the wool displacement."""

    def distance(self, points: Float[ndarray, "*batch 3"]) -> Float[ndarray, "*batch"]:
        """Signed distance, negative inside, without wool."""
        axis = self.end - self.start
        t = np.clip((points - self.start) @ axis / max(axis @ axis, 1e-12), 0, 1)
        away = points - self.start - t[..., None] * axis
        length2 = np.einsum("...i,...i", away, away)
        if self.squash != 1:
            unit = np.asarray(self.normal, points.dtype) / np.linalg.norm(self.normal)
            length2 = length2 + (1 / self.squash**2 - 1) * (away @ unit.astype(points.dtype)) ** 2
        radius = self.radii[0] + (self.radii[1] - self.radii[0]) * t
        return (np.sqrt(length2) - radius) * min(self.squash, 1)

    def box(self, margin: float) -> tuple[Float[ndarray, " 3"], Float[ndarray, " 3"]]:
        """Corners of a box that holds it and its blend."""
        reach = max(self.radii) * max(self.squash, 1) + self.blend + self.fluff + margin
        return np.minimum(self.start, self.end) - reach, np.maximum(self.start, self.end) + reach

    def transform(self, move: Callable[[Float[ndarray, " 3"]], Float[ndarray, " 3"]], scale: float) -> "Solid":
        """The same solid after a similarity of space."""
        radii = (self.radii[0] * scale, self.radii[1] * scale)
        return replace(self, start=move(self.start), end=move(self.end), radii=radii, blend=self.blend * scale)


@dataclass(frozen=True)
class Shape:
    """What the solids of a chain have in common; the fields are those of a `Solid`."""

    blend: float = 0.1
    squash: float = 1.0
    normal: tuple[float, float, float] = (1.0, 0.0, 0.0)
    fluff: float = 0.0


def chain(
    part: str,
    bones: int | tuple[int, ...],
    points: list[tuple[float, float, float]],
    radii: list[float],
    shape: Shape = Shape(),  # noqa: B008 - frozen
) -> list[Solid]:
    """Rounded cones through `points`; one bone for all, or one per segment."""
    ends = [np.asarray(point, np.float32) for point in points]
    owner = (bones,) * (len(points) - 1) if isinstance(bones, int) else bones
    return [
        Solid(
            part=part,
            bone=owner[i],
            start=ends[i],
            end=ends[i + 1],
            radii=(radii[i], radii[i + 1]),
            blend=shape.blend,
            squash=shape.squash,
            normal=shape.normal,
            fluff=shape.fluff,
        )
        for i in range(len(points) - 1)
    ]


def smooth_minimum(
    a: Float[ndarray, "*points"], b: Float[ndarray, "*points"], blend: float
) -> Float[ndarray, "*points"]:
    """min(a, b) rounded where they differ by less than `blend`; never above the minimum."""
    overlap = np.maximum(blend - np.abs(a - b), 0) / max(blend, 1e-6)
    return np.minimum(a, b) - overlap * overlap * blend / 4


def half_mesh(
    solids: list[Solid], spacing: float, wool: Field
) -> tuple[Float[ndarray, "vertices 3"], Int[ndarray, "faces 3"]]:
    """Zero level of the smooth union at x >= 0; open on the mirror plane."""
    from skimage.measure import marching_cubes

    low = np.min([solid.box(0.0)[0] for solid in solids], 0)
    high = np.max([solid.box(0.0)[1] for solid in solids], 0)
    low[0] = 0
    count = np.ceil((high - low) / spacing).astype(int) + 1
    axes = [low[i] + spacing * np.arange(count[i], dtype=np.float32) for i in range(3)]
    field = np.full(count, spacing * 4, np.float32)
    for solid in solids:
        corner, opposite = solid.box(2 * spacing)
        part = tuple(slice(*np.searchsorted(axes[i], (corner[i], opposite[i]))) for i in range(3))
        points = np.stack(np.meshgrid(*(axes[i][part[i]] for i in range(3)), indexing="ij"), -1)
        if not points.size:
            continue
        distance = solid.distance(points)
        if solid.fluff:
            near = np.abs(distance) < 2 * spacing + solid.fluff
            distance[near] -= solid.fluff * wool(points[near])
        field[part] = smooth_minimum(field[part], distance, solid.blend)
    vertices, faces, _, _ = marching_cubes(field, 0, spacing=(spacing,) * 3, gradient_direction="descent")
    return vertices.astype(np.float32) + low.astype(np.float32), faces.astype(np.int64)


def mirror_mesh(
    vertices: Float[ndarray, "half 3"], faces: Int[ndarray, "half_faces 3"]
) -> tuple[Float[ndarray, "vertices 3"], Int[ndarray, "faces 3"], Int[ndarray, " vertices"]]:
    """The closed mesh, its faces, and for every vertex the index of its mirror image; x >= 0 comes first."""
    on_plane = vertices[:, 0] < 1e-5
    vertices = np.where(on_plane[:, None], vertices * (0, 1, 1), vertices).astype(np.float32)
    twin = np.arange(len(vertices))
    twin[~on_plane] = len(vertices) + np.arange((~on_plane).sum())
    both = np.concatenate((vertices, vertices[~on_plane] * np.array((-1, 1, 1), np.float32)))
    partner = np.concatenate((twin, np.flatnonzero(~on_plane)))
    flat = on_plane[faces].all(1)
    faces = faces[~flat]
    return both, np.concatenate((faces, twin[faces][:, ::-1])), partner
