"""A predicted mesh as an answer: a surface with a camera, in one colour."""

import logging
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from models.data.batch import Batch
from models.geometry.cameras import Camera, PerspectiveCamera, look_at
from models.geometry.mesh import Mesh
from models.methods.meshrcnn.model import MeshPredictor
from models.methods.meshrcnn.state import to_world
from models.rendering import Renderer
from models.rendering.deferred import Surface, render
from models.rendering.types import Light, Rendering, front_light

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MeshReconstructor:
    """Answers crops with meshes of their own connectivity."""

    predictor: MeshPredictor
    renderer: Renderer
    refines: bool = True
    """Whether the surface of the voxels is refined, or is the answer itself."""

    @torch.no_grad()
    def predict(self, batch: Batch) -> "MeshReconstruction":
        """One animal per crop, in the mean colour of its mask; none, with a warning, where no voxel is occupied."""
        device = next(self.predictor.parameters()).device
        image, mask = batch.image.to(device), batch.mask.to(device)
        look = self.predictor.look(image, mask)
        meshes = self.predictor.cubes(look)
        empty = meshes.is_empty().nonzero()[:, 0].tolist()
        if empty:
            logger.warning("no voxel is occupied in %d of %d crops; these are skipped", len(empty), len(batch))
        if self.refines and len(empty) < len(batch):
            meshes = self.predictor.refine(look, meshes)[-1]
        direction = look.direction
        camera = look_at(torch.atan2(direction[:, 0], direction[:, 2]), direction[:, 1].clamp(-1, 1).asin())
        world = to_world(meshes.vertices[:, None], camera[meshes.row])[:, 0]
        placed = meshes.with_vertices(world)
        colour = (image * mask[..., None]).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)[:, None]
        return MeshReconstruction(tuple(placed.mesh(row) for row in range(len(batch))), self.renderer, camera, colour)


@dataclass(frozen=True)
class MeshReconstruction:
    """Predicted animals: renderable and relightable, in one colour each."""

    meshes: tuple[Mesh | None, ...]
    """Object frame; None where nothing was found."""
    renderer: Renderer
    camera: PerspectiveCamera
    colour: Float[Tensor, "batch 3"]

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.meshes)

    @property
    def light(self) -> Light:
        """The same for every crop."""
        return front_light(len(self.colour), self.colour.device)

    def mesh(self, row: int) -> Mesh | None:
        """The surface of one animal."""
        return self.meshes[row]

    def pick(self, row: int, count: int = 1) -> "MeshReconstruction":
        """One animal of the batch, `count` times."""
        rows = torch.full((count,), row, device=self.colour.device)
        return replace(self, meshes=(self.meshes[row],) * count, camera=self.camera[rows], colour=self.colour[rows])

    @torch.no_grad()
    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """Pictures from the predicted or another camera and light; black where there is no mesh."""
        device = self.colour.device
        light = (light or self.light).to(device)
        view = (camera or self.camera).to(device)
        rows = [self._row(row, size, view, light) for row in range(len(self))]
        most = max(rendering.visible.shape[1] for rendering in rows)
        parts = {
            name: torch.cat([getattr(rendering, name) for rendering in rows])
            for name in ("rgb", "mask", "albedo", "shading", "normal", "depth")
        }
        visible = torch.cat([pad(rendering.visible, (0, most - rendering.visible.shape[1])) for rendering in rows])
        return Rendering(**parts, features=None, visible=visible)

    def _row(self, row: int, size: int, camera: Camera, light: Light) -> Rendering:
        number = torch.tensor([row], device=self.colour.device)

        def albedo(points: Float[Tensor, "points 3"], image: Int[Tensor, " points"]) -> Float[Tensor, "points 3"]:
            return self.colour[row].expand(len(points), 3)

        # Where there is no mesh a triangle without area is drawn, of which nothing is seen.
        mesh = self.meshes[row] or Mesh(self.colour.new_zeros(1, 3, 3), torch.zeros(1, 3, dtype=torch.long).to(number))
        surface = Surface(mesh, mesh.vertices, albedo)
        return render(self.renderer, surface, camera[number], light.rows(number), size)
