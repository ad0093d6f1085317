"""Which triangles of a plane lie over others, by the separating axes of every two that are near each other."""

import numpy as np

TOUCH = 1e-6
"""Triangles that lie over each other by less only touch."""


def find_overlaps(corners: np.ndarray) -> np.ndarray:
    """Whether each of the triangles (faces, 3, 2) shares more than an edge with another one."""
    order = np.argsort(corners[..., 0].min(1))
    corners = corners[order].astype(float)
    least, most = corners.min(1), corners.max(1)
    ends = np.searchsorted(least[:, 0], most[:, 0])
    counts = np.maximum(ends - np.arange(len(corners)) - 1, 0)
    first = np.repeat(np.arange(len(corners)), counts)
    second = first + 1 + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    near = (least[first, 1] < most[second, 1]) & (least[second, 1] < most[first, 1])
    first, second = first[near], second[near]
    over = np.ones(len(first), bool)
    for owner in (first, second):
        for corner in range(3):
            along = corners[owner, (corner + 1) % 3] - corners[owner, corner]
            across = np.stack((-along[:, 1], along[:, 0]), -1)
            across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
            one, other = (np.einsum("pci,pi->pc", corners[faces], across) for faces in (first, second))
            over &= np.minimum(one.max(1), other.max(1)) - np.maximum(one.min(1), other.min(1)) > TOUCH
    found = np.zeros(len(corners), bool)
    found[order[first[over]]] = True
    found[order[second[over]]] = True
    return found
