"""Animodel's 3D error: Chamfer distance after a volume normalisation and a rigid fit (facts 5.2).

Source: the Animodel benchmark of Farm3D (Jakab et al. 2024), github.com/tomasjakab/animodel at bb5f203. Steps below carry
its numbers. Two things differ: sampling is seeded, and a voxel is never under 1/(8 voxels) of the longest side, so that
a flat mesh cannot exhaust the memory.
"""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float
from pydantic import Field
from scipy.spatial import cKDTree

from models.config import Config

FLATTEST = 8.0
"""Sides of a mesh may differ by this factor before the voxels stop shrinking with the shortest."""


class ChamferConfig(Config):
    """Settings of the protocol; the defaults suit a laptop, `ANIMODEL` is the benchmark's own."""

    voxels: int = Field(24, gt=3, description="voxels along the shortest side, for the volume and the remeshing")
    icp_points: int = Field(1000, gt=10, description="surface points for the rigid fit")
    icp_iterations: int = Field(30, gt=0, description="most iterations of the rigid fit")
    points: int = Field(3000, gt=10, description="surface points for the distance")
    seed: int = Field(0, ge=0, description="seed of the surface sampling")


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


def chamfer(reconstruction: trimesh.Trimesh, target: trimesh.Trimesh, config: ChamferConfig) -> Chamfer:
    """The better of two fits: as it stands, and turned by 180 degrees about +y (steps 2-9)."""
    scale = (_volume(target, config.voxels) / _volume(reconstruction, config.voxels)) ** (1 / 3)
    scaled = reconstruction.copy().apply_scale(scale)
    aligned = _aligned(remeshed(scaled, config.voxels), target, config)
    half_turn = trimesh.transformations.rotation_matrix(np.pi, (0, 1, 0))
    turned = _aligned(aligned.copy().apply_transform(half_turn), target, config)
    return min((distance(mesh, target, config) for mesh in (aligned, turned)), key=lambda score: score.bidirectional)


def distance(reconstruction: trimesh.Trimesh, target: trimesh.Trimesh, config: ChamferConfig) -> Chamfer:
    """Euclidean nearest-neighbour distances of evenly sampled surfaces, as they stand (step 7)."""
    ours = _surface_points(reconstruction, config.points, config.seed)
    theirs = _surface_points(target, config.points, config.seed + 1)
    to_reconstruction = cKDTree(ours).query(theirs)[0].mean()
    to_target = cKDTree(theirs).query(ours)[0].mean()
    return Chamfer(float(to_reconstruction), float(to_target), float(target.extents.max()))


def remeshed(mesh: trimesh.Trimesh, voxels: int) -> trimesh.Trimesh:
    """The outer surface of the filled voxels, with the mesh's own size and centroid (steps 4-5)."""
    surface = _filled(mesh, voxels).marching_cubes
    surface.apply_scale((mesh.extents / surface.extents).mean())
    return surface.apply_translation(mesh.centroid - surface.centroid)


def _filled(mesh: trimesh.Trimesh, voxels: int) -> trimesh.voxel.VoxelGrid:
    shortest, longest = mesh.extents.min(), mesh.extents.max()
    if not np.isfinite(longest) or longest <= 0:
        raise ValueError(f"chamfer: a mesh with sides {mesh.extents.tolist()} has no volume; give a closed surface")
    return mesh.voxelized(max(shortest, longest / FLATTEST) / voxels).fill()


def _volume(mesh: trimesh.Trimesh, voxels: int) -> float:
    return float(_filled(mesh, voxels).volume)


def _aligned(mesh: trimesh.Trimesh, target: trimesh.Trimesh, config: ChamferConfig) -> trimesh.Trimesh:
    """The mesh moved by rigid ICP, from where it stands (step 6)."""
    ours = _surface_points(mesh, config.icp_points, config.seed)
    theirs = _surface_points(target, config.icp_points, config.seed + 1)
    T_target_mesh, _, _ = trimesh.registration.icp(
        ours, theirs, threshold=0, max_iterations=config.icp_iterations, reflection=False, scale=False
    )
    return mesh.copy().apply_transform(T_target_mesh)


def _surface_points(mesh: trimesh.Trimesh, count: int, seed: int) -> Float[np.ndarray, "count 3"]:
    """Evenly spread points, topped up until there are `count`; the seed fixes them."""
    found, draw = np.empty((0, 3)), 0
    while len(found) < count:
        more, _ = trimesh.sample.sample_surface_even(mesh, count, seed=[seed, draw])
        found, draw = np.concatenate((found, more)), draw + 1
    return found[:count]
