"""What a network reads and learns on the vertices of meshes (Mesh R-CNN, Gkioxari et al. 2019, section 3.2.2)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from models.geometry.mesh_batch import MeshBatch


class GraphConvolution(nn.Module):
    """relu(W0 h + sum of W1 h' over the neighbours h')."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Numbers of channels."""
        super().__init__()
        self.own, self.neighbours = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)
        # A vertex of a cubified mesh has about six neighbours, whose sum should not grow from layer to layer.
        nn.init.normal_(self.neighbours.weight, std=(6 * inputs) ** -0.5 / 2)

    def forward(
        self, features: Float[Tensor, "vertices {self.own.in_features}"], edges: Int[Tensor, "edges 2"]
    ) -> Float[Tensor, "vertices {self.own.out_features}"]:
        """New features of the vertices; each edge is given once."""
        sent, (start, end) = self.neighbours(features), edges.unbind(1)
        total = self.own(features).index_add(0, start, sent[end]).index_add(0, end, sent[start])
        return total.relu()


def align_vertices(
    maps: Float[Tensor, "batch channels rows columns"], meshes: MeshBatch, ndc: Float[Tensor, "vertices 2"]
) -> Float[Tensor, "vertices channels"]:
    """Feature maps where the vertices are seen (`vert_align`), bilinear; beyond the picture its nearest pixel.

    `ndc` are normalised device coordinates, x right and y down.
    """
    counts = meshes.vertex_counts()
    first = counts.cumsum(0) - counts
    place = torch.arange(len(ndc), device=ndc.device) - first[meshes.row]
    longest = int(counts.max()) if len(ndc) else 1
    # Meshes differ in their number of vertices: they are read in rows as long as the longest.
    flat = meshes.row * longest + place
    padded = ndc.new_zeros(meshes.count * longest, 2).index_copy(0, flat, ndc)
    grid = padded.view(meshes.count, 1, longest, 2)
    read = grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return read[:, :, 0].transpose(1, 2).reshape(-1, maps.shape[1]).index_select(0, flat)
