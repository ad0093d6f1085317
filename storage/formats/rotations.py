"""Rotations as unit quaternions (x, y, z, w), the way glTF stores them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def matrices(quaternions: Array) -> Array:
    """(..., 3, 3) of (..., 4)."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def quaternions(rotations: Array) -> Array:
    """(..., 4) of (..., 3, 3): the top eigenvector of Bar-Itzhack's matrix, good at every angle."""
    (a, b, c), (d, e, f), (g, h, i) = np.moveaxis(rotations, (-2, -1), (0, 1))
    rows = (
        (a - e - i, b + d, c + g, h - f),
        (b + d, e - a - i, f + h, c - g),
        (c + g, f + h, i - a - e, d - b),
        (h - f, c - g, d - b, a + e + i),
    )
    return np.linalg.eigh(np.stack([np.stack(row, -1) for row in rows], -2)).eigenvectors[..., -1]
