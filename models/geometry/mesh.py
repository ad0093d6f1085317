"""Triangle meshes that share one connectivity over a batch."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import coo_array, csr_array
from torch import Tensor


@dataclass(frozen=True)
class Mesh:
    """Vertices in the object frame; counter-clockwise faces seen from outside."""

    vertices: Float[Tensor, "batch vertices 3"]
    faces: Int[Tensor, "faces 3"]

    def __len__(self) -> int:
        """Number of meshes."""
        return len(self.vertices)


def face_normals(mesh: Mesh) -> Float[Tensor, "batch faces 3"]:
    """Outward normals, twice the face's area long."""
    a, b, c = (mesh.vertices.index_select(1, corner) for corner in mesh.faces.unbind(1))
    return torch.cross(b - a, c - a, dim=-1)


def vertex_normals(mesh: Mesh) -> Float[Tensor, "batch vertices 3"]:
    """Unit normals: the area-weighted mean of the adjacent faces (fidelity F23); finite gradient on empty faces."""
    per_face = face_normals(mesh)
    total = torch.zeros_like(mesh.vertices)
    for corner in range(3):
        total = total.index_add(1, mesh.faces[:, corner], per_face)
    return total / (total.square().sum(-1, keepdim=True) + 1e-12).sqrt()


def adjacency(faces: Int[ndarray, "faces 3"], count: int) -> csr_array:
    """(count, count), 1 for each pair of vertices that share an edge."""
    start, end = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    pairs = coo_array((np.ones(2 * len(start), np.int32), (np.r_[start, end], np.r_[end, start])), (count, count))
    neighbours = pairs.tocsr()
    neighbours.data[:] = 1
    return neighbours
