"""Losses of Mesh R-CNN (section 3.2): occupancy, and on sampled points Chamfer, normals and the length of edges."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from models.geometry.mesh_batch import MeshBatch

Cloud = Float[Tensor, "meshes points 3"]


def voxel_loss(
    logits: Float[Tensor, "batch grid grid grid"], occupied: Bool[Tensor, "batch grid grid grid"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy, mean over the voxels."""
    return binary_cross_entropy_with_logits(logits, occupied.to(logits))


def depth_loss(depth: Float[Tensor, " batch"], known: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Squared error of the logarithm of how deep the animals are."""
    return (depth.log() - known.clamp(min=1e-3).log()).square().mean()


def direction_loss(direction: Float[Tensor, "batch 3"], known: Float[Tensor, "batch 3"]) -> Float[Tensor, ""]:
    """1 - cosine of the angle between the directions of the camera."""
    return (1 - (direction * known).sum(-1)).mean()


def surface_losses(
    points: Cloud,
    normals: Cloud,
    known: Float[Tensor, "meshes others 3"],
    known_normals: Float[Tensor, "meshes others 3"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Chamfer distance, squared and both ways added, and minus |cosine| between the normals of nearest points."""
    with torch.no_grad():
        apart = torch.cdist(points, known)
        to_known, to_ours = apart.argmin(2), apart.argmin(1)
    chamfer = _squared(points - _rows(known, to_known)) + _squared(_rows(points, to_ours) - known)
    aligned = _cosine(normals, _rows(known_normals, to_known)) + _cosine(_rows(normals, to_ours), known_normals)
    return chamfer, -aligned


def edge_loss(meshes: MeshBatch) -> Float[Tensor, ""]:
    """Mean squared length of the edges."""
    start, end = meshes.edges().unbind(1)
    return (meshes.vertices[start] - meshes.vertices[end]).square().sum(-1).mean()


def _rows(cloud: Cloud, rows: Tensor) -> Tensor:
    return cloud.gather(1, rows[..., None].expand(-1, -1, 3))


def _squared(difference: Tensor) -> Tensor:
    return difference.square().sum(-1).mean()


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(-1).abs().mean()
