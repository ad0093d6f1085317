"""Attributes of a mesh in fewer bits, as `KHR_mesh_quantization` and glTF 2.0 (section 3.7.2.1) allow them."""

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt16
from numpy import ndarray

EXTENSION = "KHR_mesh_quantization"
POSITION_STEPS = 65535
NORMAL_STEPS, WEIGHT_STEPS = 127, 255


def fit_grid(vertices: Float[ndarray, "vertices 3"]) -> Float[ndarray, "4 4"]:
    """From steps of 16-bit positions to metres: the finest cubic grid that holds all vertices."""
    step = max(float(np.ptp(vertices, axis=0).max()) / POSITION_STEPS, 1e-9)
    T_world_grid = np.diag((step, step, step, 1.0))
    T_world_grid[:3, 3] = vertices.min(0)
    return T_world_grid


def quantise_positions(
    vertices: Float[ndarray, "vertices 3"], T_world_grid: Float[ndarray, "4 4"]
) -> UInt16[ndarray, "vertices 3"]:
    """The nearest steps of the grid."""
    steps = (vertices - T_world_grid[:3, 3]) / T_world_grid[0, 0]
    return np.clip(steps.round(), 0, POSITION_STEPS).astype(np.uint16)


def quantise_normals(normals: Float[ndarray, "vertices 3"]) -> Int[ndarray, "vertices 3"]:
    """In 127ths."""
    return np.clip((normals * NORMAL_STEPS).round(), -NORMAL_STEPS, NORMAL_STEPS).astype(np.int8)


def quantise_shares(shares: Float[ndarray, "vertices width"]) -> UInt16[ndarray, "vertices width"]:
    """Numbers in [0, 1] in 65535ths."""
    return np.clip((shares * POSITION_STEPS).round(), 0, POSITION_STEPS).astype(np.uint16)


def quantise_weights(weights: Float[ndarray, "vertices 4"]) -> UInt8[ndarray, "vertices 4"]:
    """In 255ths, the strongest first; what rounding loses or adds goes to the strongest, so that rows sum to 255."""
    steps = (weights * WEIGHT_STEPS).round().astype(np.int64)
    steps[:, 0] += WEIGHT_STEPS - steps.sum(1)
    return steps.astype(np.uint8)
