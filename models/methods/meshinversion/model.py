"""Animals out of latents: the generator with the mean animal that its displacements start from."""

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.geometry.mesh import Mesh
from models.geometry.uv_sphere import Maps, UvSphere, map_places, read_map, uv_sphere
from models.methods.meshinversion.networks import LATENT, Generator, Symmetry
from models.methods.meshinversion.state import Placement
from models.rendering import Renderer
from models.rendering.deferred import Surface, render
from models.rendering.types import Light, Rendering

ROWS = 32
"""Rows and columns of a displacement map, and of the sphere's vertices."""


class GeneratorConfig(Config):
    """The generator's size."""

    width: int = Field(default=8, ge=8, multiple_of=8, description="channels of the finest maps")
    texels: int = Field(default=64, ge=64, description="rows and columns of a colour map: 64, 128, 256 ...")
    symmetric: Symmetry = Field(
        default="colour",
        description="maps whose left half is the right one mirrored: both in the papers; animals that walk are not, "
        "and coats that are look better",
    )

    def build(self) -> "AnimalGenerator":
        """The network, as torch's random numbers make it, about a sphere."""
        return AnimalGenerator(self)


@dataclass(frozen=True)
class Animals:
    """Generated surfaces before they are placed, and their colours."""

    vertices: Float[Tensor, "batch vertices 3"]
    colour: Maps
    """In [-1, 1]."""

    def centred(self) -> "Animals":
        """The same, the middle of each one's box at the origin."""
        middle = (self.vertices.amax(1, keepdim=True) + self.vertices.amin(1, keepdim=True)) / 2
        return Animals(self.vertices - middle, self.colour)


class AnimalGenerator(nn.Module):
    """Latents to animals."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        """Random weights; the mean animal is a sphere."""
        super().__init__()
        self.config = config
        self.network = Generator(config.width, config.texels, config.symmetric)
        self.register_buffer("mean", torch.zeros(3, ROWS, ROWS))
        self.register_buffer("deviation", torch.ones(()))

    def start_from(self, displacement: Float[Tensor, "animals 3 rows columns"]) -> None:
        """Take the mean of these animals for that of all, and their deviation for the unit."""
        self.mean.copy_(displacement.mean(0))
        self.deviation.copy_((displacement - self.mean).square().mean().sqrt())

    def maps(self, latent: Float[Tensor, "batch latent"]) -> tuple[Maps, Maps]:
        """Displacement in deviations from the mean animal, and colours in [-1, 1]."""
        return self.network(latent)

    def animals(self, latent: Float[Tensor, "batch latent"]) -> Animals:
        """The animals of latents."""
        displacement, colour = self.maps(latent)
        return self.surface(displacement, colour)

    def surface(self, displacement: Maps, colour: Maps) -> Animals:
        """The animals of maps."""
        sphere = template(displacement.device)
        return Animals(sphere.vertices(self.mean + self.deviation * displacement.float()), colour.float())


def sample_latents(count: int, generator: torch.Generator, truncation: float = 1.0) -> Float[Tensor, "{count} latent"]:
    """Normal numbers; a truncation below 1 keeps them nearer to the mean, where samples are better and more alike."""
    return truncation * torch.randn(count, LATENT, generator=generator)


@lru_cache(maxsize=4)
def template(device: torch.device) -> UvSphere:
    """The sphere of the displacement maps."""
    return uv_sphere(ROWS).to(device)


def read_coat(
    colour: Maps, points: Float[Tensor, "points 3"], image: Int[Tensor, " points"]
) -> Float[Tensor, "points 3"]:
    """RGB in [0, 1] of colour maps at points of the sphere; `image` is the map of each."""
    return (read_map(colour, map_places(points), image) + 1) / 2


def draw(renderer: Renderer, animals: Animals, placement: Placement, light: Light, size: int) -> Rendering:
    """The animals where their crops show them."""
    sphere = template(animals.vertices.device)
    mesh = Mesh(animals.vertices * placement.scale[:, None, None], sphere.faces)
    surface = Surface(mesh, sphere.points[None], partial(read_coat, animals.colour))
    return render(renderer, surface, placement.camera(), light, size)
