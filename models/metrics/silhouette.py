"""How well two outlines agree."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import binary_erosion, distance_transform_edt

TOLERANCE = 0.02
"""Share of the image side by which a boundary may be off and still count (2 px of 96)."""


def iou(ours: Bool[np.ndarray, "height width"], theirs: Bool[np.ndarray, "height width"]) -> float:
    """Intersection over union; 1 when both are empty."""
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0


def boundary_f(ours: Bool[np.ndarray, "height width"], theirs: Bool[np.ndarray, "height width"]) -> float:
    """F-measure of the boundary pixels (Perazzi et al. 2016, the DAVIS measure) within `TOLERANCE` of each other."""
    our_edge, their_edge = _edge(ours), _edge(theirs)
    if not our_edge.any() or not their_edge.any():
        return float(our_edge.any() == their_edge.any())
    reach = max(1.0, TOLERANCE * len(ours))
    precision = (_distance_to(their_edge)[our_edge] <= reach).mean()
    recall = (_distance_to(our_edge)[their_edge] <= reach).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-12))


def _edge(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    return mask & np.logical_not(binary_erosion(mask))


def _distance_to(edge: Bool[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    return np.asarray(distance_transform_edt(np.logical_not(edge)))
