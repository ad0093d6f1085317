"""Meshes of different connectivity in one batch, their vertices and faces one after the other."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.geometry.mesh import Mesh


@dataclass(frozen=True)
class MeshBatch:
    """Meshes one after the other; one without faces is empty."""

    vertices: Float[Tensor, "vertices 3"]
    faces: Int[Tensor, "faces 3"]
    """Numbers of vertices in the whole batch; ascending by mesh; counter-clockwise seen from outside."""
    row: Int[Tensor, " vertices"]
    """The mesh of each vertex, ascending."""
    count: int

    def __len__(self) -> int:
        """Number of meshes."""
        return self.count

    def with_vertices(self, vertices: Float[Tensor, "vertices 3"]) -> "MeshBatch":
        """The same connectivity with its vertices at other places."""
        return replace(self, vertices=vertices)

    def edges(self) -> Int[Tensor, "edges 2"]:
        """Each edge once, its smaller vertex first."""
        ends = torch.cat((self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]])).sort(1).values
        key = (ends[:, 0] * len(self.vertices) + ends[:, 1]).unique()
        return torch.stack((key // len(self.vertices), key % len(self.vertices)), 1)

    def vertex_counts(self) -> Int[Tensor, " meshes"]:
        """Vertices of each mesh."""
        return torch.bincount(self.row, minlength=self.count)

    def face_counts(self) -> Int[Tensor, " meshes"]:
        """Faces of each mesh."""
        return torch.bincount(self.row[self.faces[:, 0]], minlength=self.count)

    def is_empty(self) -> Bool[Tensor, " meshes"]:
        """Meshes without a surface."""
        return self.face_counts() == 0

    def mesh(self, row: int) -> Mesh | None:
        """One of them, a batch of one; None if it is empty."""
        vertices, faces = self.row == row, self.row[self.faces[:, 0]] == row
        if not faces.any():
            return None
        first = int(vertices.nonzero()[0, 0])
        return Mesh(self.vertices[vertices][None], self.faces[faces] - first)


def sample_surfaces(
    meshes: MeshBatch, count: int, generator: torch.Generator
) -> tuple[Float[Tensor, "meshes count 3"], Float[Tensor, "meshes count 3"]]:
    """Points on every mesh, evenly over its area, and their unit normals; both with gradient to the vertices.

    Raises ValueError if one of them is empty.
    """
    if meshes.is_empty().any():
        raise ValueError(f"mesh {int(meshes.is_empty().nonzero()[0, 0])} of the batch is empty; leave it out")
    corners = meshes.vertices[meshes.faces]
    normal = torch.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], dim=-1)
    chance = torch.rand((meshes.count, count, 3), generator=generator).to(meshes.vertices)
    face = _faces_by_area(normal.detach().norm(dim=-1).double(), meshes.face_counts(), chance[..., 0].double())
    # Uniform over a triangle (Osada et al. 2002).
    root, share = chance[..., 1:2].sqrt(), chance[..., 2:]
    weights = torch.cat((1 - root, root * (1 - share), root * share), -1)
    points = (weights[..., None] * corners[face]).sum(2)
    return points, torch.nn.functional.normalize(normal, dim=-1, eps=1e-12)[face]


def _faces_by_area(
    area: Float[Tensor, " faces"], counts: Int[Tensor, " meshes"], chance: Float[Tensor, "meshes points"]
) -> Int[Tensor, "meshes points"]:
    """A face of each mesh for each number in [0, 1), in proportion to its area."""
    total, last = area.cumsum(0), counts.cumsum(0) - 1
    end = total[last]
    start = torch.cat((end.new_zeros(1), end[:-1]))
    face = torch.searchsorted(total, start[:, None] + chance * (end - start)[:, None], right=True)
    first = torch.cat((last.new_zeros(1), last[:-1] + 1))
    return face.clamp(first[:, None], last[:, None])
