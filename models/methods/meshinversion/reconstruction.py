"""A searched animal as an answer: a closed textured surface with a camera and a light; and samples, of no photo."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.data.batch import Batch
from models.data.crops import random
from models.features.vit import Vit
from models.geometry.cameras import Camera, PerspectiveCamera, look_at
from models.geometry.mesh import Mesh
from models.geometry.uv_sphere import Maps
from models.methods.meshinversion.model import AnimalGenerator, read_coat, sample_latents, template
from models.methods.meshinversion.refine import Answer, SearchConfig, Searcher
from models.methods.meshinversion.warm_start import CameraHead, see
from models.rendering import Renderer
from models.rendering.deferred import Surface, render
from models.rendering.types import Light, Rendering, front_light

TRUNCATION = 0.7
"""Of the latents of samples; a search may go as far as its prior lets it."""
FROM_THE_SIDE = 1.1
"""Azimuth of the camera of samples, in radians."""


@dataclass(frozen=True)
class InversionReconstructor:
    """Answers crops with the best of random latents where the camera head has the animal, or searches from there."""

    generator: AnimalGenerator
    head: CameraHead
    vit: Vit
    renderer: Renderer
    search: SearchConfig
    searches: bool = False

    @torch.no_grad()
    def predict(self, batch: Batch) -> "InversionReconstruction":
        """One animal per crop, each by itself: its answer does not depend on the others."""
        device = self.generator.mean.device
        image, mask = batch.image.to(device), batch.mask.to(device)
        searcher, answers = Searcher(self.generator, self.vit, self.renderer, self.search), list[Answer]()
        for row in range(len(batch)):
            # The camera too: a rounding error of a batch would lead the search elsewhere.
            at = self.head(*see(self.vit, image[row : row + 1], mask[row : row + 1]))
            answer = searcher.start(image[row], mask[row], at)
            answers.append(searcher.search(image[row], mask[row], answer) if self.searches else answer)
        parts = zip(*(answer.parts() for answer in answers), strict=True)
        return self._reconstruction(Answer.of(tuple(torch.cat(part) for part in parts)))

    def refined(self) -> "InversionReconstructor":
        """The same with the search."""
        return replace(self, searches=True)

    @torch.no_grad()
    def sample(self, count: int, seed: int) -> "InversionReconstruction":
        """Animals of no photo, seen from the side."""
        device = self.generator.mean.device
        latent = sample_latents(count, random("sample", seed), TRUNCATION).to(device)
        animals = self.generator.animals(latent).centred()
        angle = torch.full((count,), FROM_THE_SIDE, device=device)
        camera, light = look_at(angle, angle * 0 + 0.1, 13.0), front_light(count, device)
        return InversionReconstruction(animals.vertices, animals.colour, camera, light, self.renderer)

    def _reconstruction(self, answer: Answer) -> "InversionReconstruction":
        animals = self.generator.animals(answer.latent)
        surface = animals.vertices * answer.placement.scale[:, None, None]
        return InversionReconstruction(
            surface, animals.colour, answer.placement.camera(), answer.light(), self.renderer
        )


@dataclass(frozen=True)
class InversionReconstruction:
    """Animals as maps over a sphere: renderable, relightable and textured, without bones."""

    surface: Float[Tensor, "batch vertices 3"]
    colour: Maps
    """In [-1, 1]."""
    camera: PerspectiveCamera
    light: Light
    renderer: Renderer

    def __len__(self) -> int:
        """Number of animals."""
        return len(self.surface)

    def mesh(self, row: int) -> Mesh:
        """The surface of one animal."""
        return Mesh(self.surface[row : row + 1], template(self.surface.device).faces)

    def pick(self, row: int, count: int = 1) -> "InversionReconstruction":
        """One animal of the batch, `count` times."""
        rows = torch.full((count,), row, device=self.surface.device)
        return replace(
            self,
            surface=self.surface[rows],
            colour=self.colour[rows],
            camera=self.camera[rows],
            light=self.light.rows(rows),
        )

    def canonical(self) -> Float[Tensor, "vertices 3"]:
        """The sphere: where a point lies on it is its place in the colour map."""
        return template(self.surface.device).points

    def albedo(self, points: Float[Tensor, "points 3"], image: Int[Tensor, " points"]) -> Float[Tensor, "points 3"]:
        """The colour map's."""
        return read_coat(self.colour, points, image)

    @torch.no_grad()
    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        """Pictures from the searched or another camera and light."""
        device = self.surface.device
        light = (light or self.light).to(device)
        sphere = template(device)
        surface = Surface(Mesh(self.surface, sphere.faces), sphere.points[None], self.albedo)
        return render(self.renderer, surface, (camera or self.camera).to(device), light, size)
