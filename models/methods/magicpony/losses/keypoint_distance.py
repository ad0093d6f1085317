"""How far the animal's keypoints are from known ones, or from those that the ViT finds."""

from jaxtyping import Float
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh

REACH = 0.1
"""Scene units around a marker in which vertices carry it."""
DEPTH = 0.5
"""What an error along the camera's axis counts beside one across it: a picture tells less of it."""


def keypoint_distance(
    markers: Float[Tensor, "keypoints 3"], prior: Float[Tensor, "vertices 3"], posed: Mesh, camera: Camera, batch: Batch
) -> Float[Tensor, ""]:
    """Mean distance, in halves of the image's width, between known keypoints and markers that ride on the surface.

    A marker is a point near the prior shape; the vertices around it carry it along into every pose. Markers outside
    the shape follow the nearest tip, so a hoof is pulled to where hooves end.
    """
    if batch.truth is None:
        raise ValueError("batch.truth is None; only procedural animals know their keypoints")
    posed_markers = carried(markers, prior, posed)
    across, along = batch.truth.keypoints.split((2, 1), -1)
    miss = rounded_distance(camera.project(posed_markers) - across)
    return miss.mean() + DEPTH * (camera.relative_depth(posed_markers) - along[..., 0]).abs().mean()


def carried(
    markers: Float[Tensor, "keypoints 3"], prior: Float[Tensor, "vertices 3"], posed: Mesh
) -> Float[Tensor, "batch keypoints 3"]:
    """Where the pose takes the markers: with the vertices around them."""
    near = -(markers[:, None] - prior).square().sum(-1) / (2 * REACH**2)
    return near.softmax(-1) @ posed.vertices


def rounded_distance(miss: Float[Tensor, "batch keypoints 2"]) -> Float[Tensor, "batch keypoints"]:
    """Lengths; the root has no slope at zero, and 1e-6 under it forgives misses of a thousandth."""
    return (miss.square().sum(-1) + 1e-6).sqrt()
