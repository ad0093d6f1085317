"""Animodel's 3D error: Chamfer distance after a volume normalisation and a rigid fit (fidelity F55).

Source: the Animodel benchmark of Farm3D (Jakab et al. 2024), github.com/tomasjakab/animodel at bb5f203; steps have the
numbers of fidelity F55. Two things differ: sampling is seeded, and voxels stop shrinking with the shortest side at a
sixth of the longest, so that a flat mesh cannot exhaust the memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float
from pydantic import Field
from scipy.ndimage import binary_fill_holes
from scipy.spatial import KDTree
from trimesh.points import remove_close
from trimesh.voxel import VoxelGrid

from models.core.config import Config

Ours = Float[np.ndarray, "ours 3"]
Theirs = Float[np.ndarray, "theirs 3"]
Motion = Float[np.ndarray, "4 4"]
FLATTEST = 6.0
"""Sides of a mesh may differ by this factor before the voxels stop shrinking with the shortest."""


class ChamferConfig(Config):
    """Settings of the protocol; the defaults suit a laptop, `ANIMODEL` is the benchmark's own.

    Fewer points lie further apart: for one pair of cows the laptop reads 0.0256 where the benchmark reads 0.0236.
    """

    voxels: int = Field(
        default=24, gt=3, description="voxels along the shortest side, for the volume and the remeshing"
    )
    icp_points: int = Field(default=1000, gt=10, description="surface points for the rigid fit")
    icp_iterations: int = Field(default=30, gt=0, description="most iterations of the rigid fit")
    points: int = Field(default=10_000, gt=10, description="surface points for the distance")
    seed: int = Field(default=0, ge=0, description="seed of the surface sampling")


ANIMODEL = ChamferConfig(voxels=100, icp_points=8000, icp_iterations=200, points=60_000)


@dataclass(frozen=True)
class Chamfer:
    """Mean nearest-neighbour distances between two surfaces, in the target's units."""

    to_reconstruction: float
    to_target: float
    extent: float
    """Longest side of the target's box."""

    @property
    def bidirectional(self) -> float:
        """The mean of both ways."""
        return (self.to_reconstruction + self.to_target) / 2

    @property
    def scaled(self) -> float:
        """As if the target filled a unit cube: the number that tables show."""
        return self.bidirectional / self.extent


@dataclass(frozen=True)
class Fit:
    """How a reconstruction was laid over its target, and how far apart the two are then."""

    chamfer: Chamfer
    motion: Motion
    """Scale, rotation and shift that take the reconstruction's own vertices there."""


def chamfer(reconstruction: trimesh.Trimesh, target: trimesh.Trimesh, config: ChamferConfig) -> Chamfer:
    """The better of two rigid fits: from where it stands, and after a half turn about +y (steps 2-9)."""
    return fit_to_target(reconstruction, target, config).chamfer


def fit_to_target(reconstruction: trimesh.Trimesh, target: trimesh.Trimesh, config: ChamferConfig) -> Fit:
    """`chamfer`, and the fit that it is read after."""
    ours, theirs = (_protocol_voxels(mesh, config.voxels) for mesh in (reconstruction, target))
    scale = (theirs.volume / ours.volume) ** (1 / 3)
    surfaces = remeshed(reconstruction, ours).apply_scale(scale), target
    coarse = [surface_points(mesh, config.icp_points, config.seed + i) for i, mesh in enumerate(surfaces)]
    fine = [surface_points(mesh, config.points, config.seed + i) for i, mesh in enumerate(surfaces)]
    extent, half_turn = float(target.extents.max()), trimesh.transformations.rotation_matrix(np.pi, (0, 1, 0))
    straight = _fit(coarse[0], coarse[1], np.eye(4), config)
    turned = _fit(coarse[0], coarse[1], half_turn @ straight, config)
    fits = [
        Fit(distance(trimesh.transform_points(fine[0], motion), fine[1], extent), motion @ np.diag((*(scale,) * 3, 1)))
        for motion in (straight, turned)
    ]
    return min(fits, key=lambda fit: fit.chamfer.bidirectional)


def distance(ours: Ours, theirs: Theirs, extent: float) -> Chamfer:
    """Mean Euclidean nearest-neighbour distances, both ways (step 7)."""
    to_reconstruction, to_target = KDTree(ours).query(theirs)[0].mean(), KDTree(theirs).query(ours)[0].mean()
    return Chamfer(float(to_reconstruction), float(to_target), extent)


def remeshed(mesh: trimesh.Trimesh, voxels: VoxelGrid) -> trimesh.Trimesh:
    """The outer surface of the filled voxels, with the mesh's own size and centroid (steps 4-5).

    Voxels grow with the mesh, so this may come before the scaling of step 3.
    """
    surface = voxels.marching_cubes
    surface.apply_scale((mesh.extents / surface.extents).mean())
    return surface.apply_translation(mesh.centroid - surface.centroid)


def solid_voxels(mesh: trimesh.Trimesh, pitch: float) -> VoxelGrid:
    """Voxels on the surface and inside: `mesh.voxelized(pitch).fill()` of trimesh, ten times as fast."""
    cells = np.concatenate([np.rint(points / pitch).astype(int) for points in _covering(mesh.triangles, pitch / 2)])
    first = cells.min(0)
    shell = np.zeros(np.ptp(cells, axis=0) + 1, bool)
    shell[tuple((cells - first).T)] = True
    place = trimesh.transformations.scale_and_translate(pitch, first * pitch)
    return VoxelGrid(binary_fill_holes(shell), transform=place)


def _covering(triangles: Float[np.ndarray, "faces 3 3"], spacing: float) -> Iterator[Float[np.ndarray, "points 3"]]:
    """Points on the triangles, neighbours nearer than `spacing`: a triangular lattice on each, as fine as it needs."""
    edges = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=-1).max(1)
    steps = np.maximum(1, np.ceil(edges / spacing)).astype(int)
    for count in np.unique(steps):
        i, j = np.nonzero(np.add.outer(np.arange(count + 1), np.arange(count + 1)) <= count)
        corners = np.stack((i, j, count - i - j), 1) / count
        yield (corners @ triangles[steps == count]).reshape(-1, 3)


def _protocol_voxels(mesh: trimesh.Trimesh, voxels: int) -> VoxelGrid:
    shortest, longest = mesh.extents.min(), mesh.extents.max()
    if not np.isfinite(longest) or longest <= 0:
        raise ValueError(f"chamfer: a mesh with sides {mesh.extents.tolist()} has no volume; give a closed surface")
    return solid_voxels(mesh, max(shortest, longest / FLATTEST) / voxels)


def _fit(ours: Ours, theirs: Theirs, start: Motion, config: ChamferConfig) -> Motion:
    """The rigid motion that ICP finds from `start` on (step 6)."""
    motion, _, _ = trimesh.registration.icp(
        ours, theirs, start, threshold=0, max_iterations=config.icp_iterations, reflection=False, scale=False
    )
    return motion


def surface_points(mesh: trimesh.Trimesh, count: int, seed: int) -> Float[np.ndarray, "{count} 3"]:
    """Evenly spread points, topped up until there are `count`; the seed fixes them."""
    # `trimesh.sample.sample_surface_even`, which warns where it has fewer than were asked for.
    points, draw, apart = np.empty((0, 3)), 0, np.sqrt(mesh.area / (3 * count))
    while len(points) < count:
        many = trimesh.sample.sample_surface(mesh, 3 * count, seed=[seed, draw])[0]
        points, draw = np.concatenate((points, remove_close(many, apart)[0][:count])), draw + 1
    return points[:count]
