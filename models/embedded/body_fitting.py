"""A parametric body from registered surfaces: the same vertices on many bodies, and where their joints are."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

NEAREST, EVERY = 240, 3
"""A joint is read from every third of the vertices that lie nearest to it."""
RIDGE = 1e-4
"""Penalty of the squared shares, per registered body and square of the body's size."""
CLOSE = 4
"""Vertices whose mean a keypoint is."""


def fit_shapes(
    vertices: Float[ndarray, "bodies vertices 3"], shapes: int
) -> tuple[Float[ndarray, "vertices 3"], Float[ndarray, "vertices 3 shapes"], float]:
    """The mean, the directions of largest variance times their standard deviations, and their share of the variance."""
    mean = vertices.mean(0)
    flat = (vertices - mean).reshape(len(vertices), -1)
    if shapes >= len(vertices):
        raise ValueError(f"{shapes} directions of shape asked of {len(vertices)} bodies; give more bodies")
    _, scales, rows = np.linalg.svd(flat, full_matrices=False)
    # A direction's sign is arbitrary: its largest entry is made positive, the same on every machine.
    signs = np.sign(np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1))
    deviations = scales[:shapes] / np.sqrt(len(vertices) - 1)
    directions = (rows * signs)[:shapes] * deviations[:, None]
    share = float((scales[:shapes] ** 2).sum() / (scales**2).sum())
    return mean, directions.T.reshape(*mean.shape, shapes), share


def fit_regressor(
    points: Float[ndarray, "bodies points 3"], vertices: Float[ndarray, "bodies vertices 3"]
) -> Float[ndarray, "points vertices"]:
    """Shares of vertices whose sum each point is, by least squares over the bodies; rows sum to 1."""
    regressor = np.zeros((points.shape[1], vertices.shape[1]), np.float32)
    away = np.linalg.norm(vertices.mean(0) - points.mean(0)[:, None], axis=-1)
    for point, nearest in enumerate(np.argsort(away, axis=1, kind="stable")[:, :NEAREST:EVERY]):
        near = vertices[:, nearest].astype(np.float64)
        # Relative to their mean: shares that sum to 1 are the mean's and changes that sum to 0.
        middle = near.mean(1, keepdims=True)
        apart = (near - middle).transpose(0, 2, 1).reshape(-1, len(nearest))
        wanted = (points[:, point] - middle[:, 0]).reshape(-1)
        penalty = RIDGE * len(points) * np.ptp(vertices[0], axis=0).max() ** 2 / len(nearest)
        change = np.linalg.solve(apart.T @ apart + penalty * np.eye(len(nearest)), apart.T @ wanted)
        regressor[point, nearest] = change - change.mean() + 1 / len(nearest)
    return regressor


def fit_keypoints(
    known: Float[Tensor, "photos keypoints 3"], projected: Float[Tensor, "photos vertices 3"]
) -> Float[Tensor, "keypoints vertices"]:
    """The mean of those vertices that fall nearest to each known keypoint over many photos.

    Both are image coordinates and depth in the same unit.
    """
    distance = torch.stack([(projected - point[:, None]).norm(dim=-1).mean(0) for point in known.unbind(1)])
    nearest = distance.topk(CLOSE, dim=1, largest=False).indices
    return torch.zeros_like(distance).scatter(1, nearest, 1 / CLOSE)


def merge_skin(
    weights: Float[ndarray, "vertices bones"], joint_of_bone: Int[ndarray, " bones"], joints: int
) -> Float[ndarray, "vertices joints"]:
    """Skinning weights of fewer joints: each bone's share goes to the joint that stands for it; rows sum to 1."""
    merged = np.zeros((len(weights), joints), np.float32)
    np.add.at(merged.T, joint_of_bone, weights.T)
    return merged / merged.sum(1, keepdims=True)


def keep_strongest(weights: Float[ndarray, "vertices joints"], count: int) -> Float[ndarray, "vertices joints"]:
    """The `count` largest shares of each row, which sum to 1 again."""
    least = np.sort(weights, axis=1)[:, [-min(count, weights.shape[1])]]
    kept: Bool[ndarray, "vertices joints"] = weights >= least
    return weights * kept / (weights * kept).sum(1, keepdims=True)


def axis_angles(rotations: Float[ndarray, "*batch 3 3"]) -> Float[ndarray, "*batch 3"]:
    """Axis times angle of rotations, at most half a turn."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(*rotations.shape[:-2], 3)
