"""How far a surface is from a known one: taught to the embedded quadrupeds only, whose animals are procedural."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.keypoint_distance import carried

COMPARED = 1000
"""Vertices that are compared at a step."""
SOFT = 0.01
"""Halves of the picture's width below which a miss hardly counts: known points lie about so far apart."""


def surface_distance(  # noqa: PLR0913 - as `keypoint_distance`, and which vertices are compared
    markers: Float[Tensor, "keypoints 3"],
    prior: Float[Tensor, "vertices 3"],
    posed: Mesh,
    camera: Camera,
    batch: Batch,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """`chamfer` between some of the vertices and the known surface, both as the crop's camera sees them.

    The markers stand for the keypoints that the known points' depth is about.
    """
    if batch.truth is None:
        raise ValueError("batch.truth is None; only procedural animals know their surfaces")
    rows = torch.randperm(len(prior), generator=generator)[:COMPARED].to(prior.device)
    seen = camera.project_with_depth(posed.vertices[:, rows], carried(markers, prior, posed))
    return chamfer(seen, batch.truth.surface)


def chamfer(found: Float[Tensor, "batch vertices 3"], known: Float[Tensor, "batch points 3"]) -> Float[Tensor, ""]:
    """Mean distance from each point to the nearest of the other set, both ways added."""
    with torch.no_grad():
        apart = torch.cdist(found, known)
        to_known, to_found = apart.argmin(2), apart.argmin(1)
    return _miss(found - _rows(known, to_known)) + _miss(_rows(found, to_found) - known)


def _rows(points: Tensor, rows: Tensor) -> Tensor:
    return points.gather(1, rows[..., None].expand(-1, -1, 3))


def _miss(difference: Tensor) -> Tensor:
    return (difference.square().sum(-1) + SOFT**2).sqrt().mean()
