"""Triangle meshes that share one connectivity over a batch."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
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
