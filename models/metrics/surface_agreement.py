"""How well two surfaces agree: F1 of their points and consistency of their normals (Mesh R-CNN, Gkioxari et al. 2019).

The measures of its section 4.1. A shape is as large as it likes, so both are scaled until the longest side of the
target's box is 10; a point is met if the other surface has one nearer than 0.1, 0.3 or 0.5 of that.
"""

from dataclasses import dataclass

import numpy as np
import trimesh
from scipy.spatial import KDTree

SIDE = 10.0
"""Longest side of the target's box."""
THRESHOLDS = (0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Agreement:
    """Of one surface with another."""

    f1: tuple[float, ...]
    """Harmonic mean of precision and recall in per cent, one for each of `THRESHOLDS`."""
    normal_consistency: float
    """|cosine| between the normals of a point and of the nearest one on the other surface; mean of both ways."""


def surface_agreement(ours: trimesh.Trimesh, target: trimesh.Trimesh, points: int, seed: int = 0) -> Agreement:
    """How well our surface agrees with the target where it lies; `points` are sampled on each, evenly over its area.

    Raises ValueError for a surface without area.
    """
    (our_points, our_normals), (their_points, their_normals) = (
        _sampled(mesh, points, seed + number) for number, mesh in enumerate((ours, target))
    )
    to_target, nearest_target = KDTree(their_points).query(our_points)
    to_ours, nearest_ours = KDTree(our_points).query(their_points)
    unit = float(target.extents.max()) / SIDE
    aligned = [
        np.abs((normals * others[nearest]).sum(1)).mean()
        for normals, others, nearest in (
            (our_normals, their_normals, nearest_target),
            (their_normals, our_normals, nearest_ours),
        )
    ]
    f1 = tuple(_f1(to_target < unit * threshold, to_ours < unit * threshold) for threshold in THRESHOLDS)
    return Agreement(f1, float(np.mean(aligned)))


def _f1(precise: np.ndarray, recalled: np.ndarray) -> float:
    precision, recall = float(precise.mean()), float(recalled.mean())
    return 200 * precision * recall / max(precision + recall, 1e-9)


def _sampled(mesh: trimesh.Trimesh, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and the normals of their faces."""
    if not (np.isfinite(mesh.area) and mesh.area > 0):
        raise ValueError(f"a mesh of {len(mesh.faces)} faces has an area of {mesh.area}; give a surface")
    points, faces = trimesh.sample.sample_surface(mesh, count, seed=seed)[:2]
    return np.asarray(points), mesh.face_normals[faces]
