"""Answers that do not look at the animal: what a learned model must beat.

Their shapes are fitted to ground truth that training never sees, so they are stronger than an honest guess. Each stands
side on, fills the crop as the crop rule says, and wears the mean colour of the photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi, tan

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import DISTANCE, FOV, Camera, look_at
from models.geometry.mesh import Mesh
from models.metrics.chamfer import solid_voxels
from models.rendering import Renderer
from models.rendering.deferred import Surface, render
from models.rendering.types import Light, Rendering

VOXELS = 48
"""Voxels along the longest side when meshes are averaged."""


def baselines(meshes: Sequence[trimesh.Trimesh], renderer: Renderer, device: torch.device) -> dict[str, "Constant"]:
    """The unit sphere, the mean ellipsoid and the mean shape of training meshes that stand in their own frames.

    They are drawn on `device`, the one that the renderer was built for.

    Without meshes there is nothing to average, and the sphere stands alone.
    """
    sphere = trimesh.creation.icosphere(subdivisions=3)
    shapes = {"unit sphere": sphere}
    if meshes:
        extents = np.mean([unit(mesh).extents for mesh in meshes], axis=0)
        shapes["mean ellipsoid"] = sphere.copy().apply_transform(np.diag((*extents, 2.0)))
        shapes["mean mesh"] = mean_mesh(meshes)
    return {name: Constant(_to_fill_the_crop(shape, device), renderer) for name, shape in shapes.items()}


def unit(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with volume 1 and its centre of mass at the origin."""
    with np.errstate(invalid="ignore"):
        volume = abs(mesh.volume)
    if not volume > 0:
        raise ValueError(f"a mesh of {len(mesh.faces)} faces encloses a volume of {volume}; give a closed surface")
    return mesh.copy().apply_translation(-mesh.center_mass).apply_scale(volume ** (-1 / 3))


def mean_mesh(meshes: Sequence[trimesh.Trimesh]) -> trimesh.Trimesh:
    """The surface of the points that lie inside half of the meshes and their mirror images, at unit volume."""
    from skimage.measure import marching_cubes

    meshes = [unit(mesh) for mesh in meshes]
    reach = 1.05 * max(np.abs(mesh.bounds).max() for mesh in meshes)
    ticks, pitch = np.linspace(-reach, reach, VOXELS + 1, retstep=True)
    points = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), -1)
    inside = np.mean([_occupied(mesh, pitch / 2, points) for mesh in meshes], axis=0)
    vertices, faces, _, _ = marching_cubes(
        (inside + inside[::-1]) / 2, 0.5, spacing=(pitch,) * 3, gradient_direction="ascent"
    )
    return unit(trimesh.Trimesh(vertices - reach, faces))


def _occupied(mesh: trimesh.Trimesh, pitch: float, points: Float[np.ndarray, "*grid 3"]) -> Float[np.ndarray, "*grid"]:
    return solid_voxels(mesh, pitch).is_filled(points.reshape(-1, 3)).reshape(points.shape[:-1]).astype(float)


def _to_fill_the_crop(shape: trimesh.Trimesh, device: torch.device) -> Mesh:
    """The shape scaled to a mean shadow of a quarter of the view (a convex body's is a quarter of its surface)."""
    view = (2 * DISTANCE * tan(FOV / 2)) ** 2
    scaled = shape.copy().apply_scale((view / shape.convex_hull.area) ** 0.5)
    vertices = torch.tensor(np.asarray(scaled.vertices), dtype=torch.float32, device=device)
    return Mesh(vertices[None], torch.tensor(np.asarray(scaled.faces), dtype=torch.int64, device=device))


@dataclass(frozen=True)
class Constant:
    """One shape seen from its right side, whatever the photo."""

    shape: Mesh
    renderer: Renderer

    def predict(self, batch: Batch) -> "ConstantReconstruction":
        """The same animal for every crop, in the mean colour of its mask."""
        count, device = len(batch), self.shape.vertices.device
        colour = (batch.image * batch.mask[..., None]).sum((1, 2)) / batch.mask.sum((1, 2)).clamp(min=1)[:, None]
        ones = torch.ones(count, device=device)
        return ConstantReconstruction(
            self.shape,
            self.renderer,
            camera=look_at(ones * pi / 2, ones * 0),
            light=Light(ones[:, None] * ones.new_tensor((0.0, 0.0, 1.0)), ones, ones * 0),
            colour=colour.to(device),
        )


@dataclass(frozen=True)
class ConstantReconstruction:
    """The answer of a `Constant`."""

    shape: Mesh
    renderer: Renderer
    camera: Camera
    light: Light
    colour: Float[Tensor, "batch 3"]

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.colour)

    def mesh(self, row: int) -> Mesh:
        """The one shape."""
        return self.shape

    def pick(self, row: int, count: int = 1) -> "ConstantReconstruction":
        """One answer, `count` times."""
        rows = torch.full((count,), row, device=self.colour.device)
        return replace(self, camera=self.camera[rows], light=self.light.rows(rows), colour=self.colour[rows])

    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """The shape in its one colour."""

        def albedo(points: Float[Tensor, "points 3"], image: Int[Tensor, " points"]) -> Float[Tensor, "points 3"]:
            return self.colour[image]

        view, light = camera or self.camera, light or self.light
        device, vertices = self.shape.vertices.device, self.shape.vertices
        view = view.to(device)
        light = light.to(device)
        mesh = Mesh(vertices.expand(len(self), -1, -1), self.shape.faces)
        return render(self.renderer, Surface(mesh, vertices[0][None], albedo), view, light, size)
