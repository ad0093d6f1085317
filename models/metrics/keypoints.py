"""Keypoint transfer through the mesh: PCK@0.1 (A-CSM, Kulkarni et al. 2020; fidelity F54).

A keypoint of one picture is carried to another by the index of the nearest visible vertex, so the number says whether
the same vertex sits on the same part of every animal. The papers use no keypoint in training; `laptop` learns from
those that a reading of the ViT finds, which was told of other species (F93), and never from those carried here.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field

from models.core.config import Config


class PckConfig(Config):
    """Settings of the protocol; the defaults are MagicPony's own."""

    pairs: int = Field(default=10_000, gt=0, description="ordered pairs of pictures; all of them where there are fewer")
    threshold: float = Field(default=0.1, gt=0, description="largest error of a hit, as a share of the padded box")
    padding: float = Field(default=0.05, ge=0, description="share by which each side of the box is padded")
    seed: int = Field(default=0, ge=0, description="seed of the pairs")


def visible_vertices(
    faces: Int[np.ndarray, "faces 3"], visible: Bool[np.ndarray, " faces"], count: int
) -> Bool[np.ndarray, " count"]:
    """Vertices of the faces that own at least one pixel."""
    seen = np.zeros(count, bool)
    seen[faces[visible]] = True
    return seen


def nearest_vertices(
    keypoints: Float[np.ndarray, "keypoints 2"],
    projection: Float[np.ndarray, "vertices 2"],
    visible: Bool[np.ndarray, " vertices"],
) -> Int[np.ndarray, " keypoints"]:
    """The visible vertex whose projection is nearest to each keypoint (step 4)."""
    gap = np.linalg.norm(keypoints[:, None] - projection[None], axis=-1)
    return np.where(visible[None], gap, np.inf).argmin(1)


def transfer_errors(
    keypoints: Float[np.ndarray, "pictures keypoints 2"],
    seen: Bool[np.ndarray, "pictures keypoints"],
    projections: Float[np.ndarray, "pictures vertices 2"],
    visible: Bool[np.ndarray, "pictures vertices"],
) -> Float[np.ndarray, "pictures pictures keypoints"]:
    """Distance in the target's crop for every (source, target, keypoint); nan unless the keypoint is seen in both."""
    carried = np.stack([nearest_vertices(*row) for row in zip(keypoints, projections, visible, strict=True)])
    landed = projections[:, carried].swapaxes(0, 1)  # (source, target, keypoint, 2)
    errors = np.linalg.norm(landed - keypoints[None], axis=-1)
    return np.where(seen[:, None] & seen[None], errors, np.nan)


def pck(
    errors: Float[np.ndarray, "pictures pictures keypoints"],
    boxes: Float[np.ndarray, " pictures"],
    config: PckConfig,
) -> Float[np.ndarray, " keypoints"]:
    """Share of hits per keypoint over ordered pairs of different pictures (steps 2, 6, 7); nan if never seen twice.

    `boxes` are the longer sides of the animals' boxes, in the unit of the errors, before padding.
    """
    source, target = np.nonzero(~np.eye(len(boxes), dtype=bool))
    if len(source) > config.pairs:
        drawn = np.random.default_rng(config.seed).choice(len(source), config.pairs, replace=False)
        source, target = source[drawn], target[drawn]
    share = errors[source, target] / (boxes[target, None] * (1 + 2 * config.padding))
    counted = ~np.isnan(share)
    hits = (np.nan_to_num(share, nan=np.inf) < config.threshold).sum(0)
    return np.where(counted.any(0), hits / np.maximum(counted.sum(0), 1), np.nan)
