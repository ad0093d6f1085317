"""Fewer faces by vertex clustering (Rossignac and Borrel 1993): all vertices of a cell become one of them.

No vertex is moved, so whatever a vertex carries (weights, colours, poses) holds for the smaller mesh as well.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

Faces = Int[ndarray, "faces 3"]


def decimate(
    vertices: Float[ndarray, "vertices 3"], faces: Faces, most: int
) -> tuple[Int[ndarray, " kept"], Int[ndarray, "fewer 3"]]:
    """The vertices that are kept, by number, and at most `most` faces among them; all where there are no more.

    Raises ValueError if the faces have no area.
    """
    if len(faces) <= most:
        return np.arange(len(vertices)), faces
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    if not area > 0:
        raise ValueError(f"mesh: its {len(faces)} faces have no area; give a mesh with a surface")
    edge, fewer = np.sqrt(area / most), faces
    while len(fewer) > most:
        fewer = _whole(_representatives(vertices, edge)[faces])
        edge *= 1.1
    kept, numbers = np.unique(fewer, return_inverse=True)
    return kept, numbers.reshape(-1, 3)


def _representatives(vertices: Float[ndarray, "vertices 3"], edge: float) -> Int[ndarray, " vertices"]:
    """For each vertex the one of its cell that is nearest to the cell's mean."""
    cells = np.floor((vertices - vertices.min(0)) / edge).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    mean = np.stack([np.bincount(cell, axis) for axis in vertices.T], 1) / np.bincount(cell)[:, None]
    distance = np.linalg.norm(vertices - mean[cell], axis=1)
    order = np.lexsort((distance, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    return first[cell]


def _whole(faces: Faces) -> Int[ndarray, "whole 3"]:
    """Each face with three different corners, once, in the order in which they came."""
    first, second, third = faces.T
    faces = faces[(first != second) & (second != third) & (third != first)]
    turned = np.take_along_axis(faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, 1)
    _, rows = np.unique(turned, axis=0, return_index=True)
    return faces[np.sort(rows)]
