"""Stage 2, the textured-mesh GAN of ConvMesh with MeshInversion's picture discriminator: what one step does."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.schedule import Schedule
from models.data.crops import batch_rows, random
from models.engine.ema import update_ema, warmed_up_decay
from models.engine.loop import LoopConfig, Panel, Values
from models.engine.optimiser import Optimiser
from models.geometry.uv_sphere import Maps, mirror_maps
from models.methods.meshinversion import losses
from models.methods.meshinversion.model import (
    ROWS,
    AnimalGenerator,
    Animals,
    draw,
    sample_latents,
    template,
)
from models.methods.meshinversion.networks import MapDiscriminator, PictureDiscriminator, share_sides
from models.methods.meshinversion.pretraining import bending, neighbours
from models.methods.meshinversion.state import AnimalMaps, Pictures, Placement
from models.rendering import Renderer
from models.rendering.types import front_light

SHOWN = 6
"""Animals of a panel, each from two sides."""
BETAS = (0.0, 0.9)


class LossWeights(Config):
    """Weights of the generator's losses; the discriminator of colours counts once."""

    mesh: float = Field(
        default=0.5, ge=0, description="the discriminator of displacements (the paper: half of colours)"
    )
    picture: float = Field(default=0.2, ge=0, description="the discriminator of pictures")
    flat: float = Field(default=1e-2, ge=0, description="(1 - cosine)^2 between neighbouring faces")


class TrainingConfig(LoopConfig):
    """How long and how fast."""

    steps: int = Field(default=1000, ge=1, description="generator steps of the whole run")
    report_every: int = Field(default=25, ge=1, description="steps between reports")
    save_every: int = Field(default=50, ge=1, description="steps between checkpoints")
    batch: int = Field(default=8, ge=2, description="animals per step")
    discriminator_steps: int = Field(default=2, ge=1, description="discriminator steps for one of the generator")
    rate: float = Field(default=4e-4, gt=0, description="learning rate of the generator")
    discriminator_rate: float = Field(default=8e-4, gt=0, description="learning rate of the discriminators")
    lr_schedule: Schedule = Field(default=Schedule({0.6: 1.0, 1.0: 0.2}), description="factor on the learning rates")
    decay: float = Field(default=0.995, gt=0, lt=1, description="of the generator's running mean, which answers")
    pictures: int = Field(default=64, ge=32, description="pixels along an edge of the pictures that are discriminated")
    width: int = Field(default=16, ge=1, description="channels of the discriminators' first layers")


class GanLearner:
    """Steps the discriminators on known and generated animals, then the generator."""

    def __init__(
        self,
        generator: AnimalGenerator,
        maps: AnimalMaps,
        pictures: Pictures,
        renderer: Renderer,
        weights: LossWeights,
        config: TrainingConfig,
    ) -> None:
        """The networks learn where the generator is; maps and pictures wait on the CPU."""
        self.generator, self.maps, self.pictures = generator, maps, pictures
        self.renderer, self.weights, self.config = renderer, weights, config
        self.device = generator.mean.device
        self.mean = generator.config.build().to(self.device).requires_grad_(False)
        self.mean.load_state_dict(generator.state_dict())
        texels, width = generator.config.texels, config.width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            discriminators = {
                "colour": MapDiscriminator(4, texels, width),
                "mesh": MapDiscriminator(7, ROWS, width),
                "picture": PictureDiscriminator(width),
            }
        self.discriminators = nn.ModuleDict(discriminators).to(self.device)
        adam = torch.optim.Adam(generator.network.parameters(), lr=config.rate, betas=BETAS)
        other = torch.optim.Adam(self.discriminators.parameters(), lr=config.discriminator_rate, betas=BETAS)
        self._optimisers = {
            "generator": Optimiser(adam, config.lr_schedule), "discriminators": Optimiser(other, config.lr_schedule)
        }  # fmt: skip

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Generator, its running mean, and the discriminators."""
        return {"generator": self.generator, "mean": self.mean, "discriminators": self.discriminators}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One for each side."""
        return self._optimisers

    def step(self, number: int, progress: float) -> Values:
        """As many steps of the discriminators as configured, then one of the generator."""
        config = self.config
        generator = random(config.seed, "gan", number)
        values = dict[str, Tensor | float]()
        for turn in range(config.discriminator_steps):
            place = number * config.discriminator_steps + turn
            loss = self._discriminate(*batch_rows(len(self.pictures), config.batch, place, config.seed), generator)
            self._optimisers["discriminators"].update(loss, progress)
            values["discriminators"] = loss.detach()
        latent = sample_latents(config.batch, generator).to(self.device)
        rows = torch.randint(len(self.pictures), (config.batch,), generator=generator)
        placement = self.pictures.placement.rows(rows).to(self.device)
        self.discriminators.requires_grad_(False)
        values |= self._generate(latent, placement, progress)
        self.discriminators.requires_grad_(True)
        update_ema(self.mean, self.generator, warmed_up_decay(config.decay, number))
        return values

    def _discriminate(
        self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"], generator: torch.Generator
    ) -> Float[Tensor, ""]:
        known, placement = self._known(rows, flipped)
        with torch.no_grad():
            _, drawn = self._drawn(sample_latents(len(rows), generator).to(self.device), placement)
        with bf16_autocast(self.device.type):
            answers = [
                [part(values) for part, values in zip(self._parts, some, strict=True)] for some in (known, drawn)
            ]
        (colour, mesh, picture), (their_colour, their_mesh, their_picture) = answers
        maps = losses.hinge_loss(colour.float(), True) + losses.hinge_loss(their_colour.float(), False)
        meshes = losses.hinge_loss(mesh.float(), True) + losses.hinge_loss(their_mesh.float(), False)
        pictures = losses.square_loss(picture.float(), 1.0) + losses.square_loss(their_picture.float(), 0.0)
        return maps + meshes + pictures

    def _generate(self, latent: Float[Tensor, "batch latent"], placement: Placement, progress: float) -> Values:
        animals, drawn = self._drawn(latent, placement)
        with bf16_autocast(self.device.type):
            colour, mesh, picture = (part(values) for part, values in zip(self._parts, drawn, strict=True))
        sphere = template(self.device)
        flat = bending(animals.vertices, sphere.faces, neighbours(sphere))
        terms = {
            "colour": (1.0, -colour.float().mean()),
            "mesh": (self.weights.mesh, -mesh.float().mean()),
            "picture": (self.weights.picture, losses.square_loss(picture.float(), 1.0)),
            "flat": (self.weights.flat, flat),
        }
        loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        norm = self._optimisers["generator"].update(loss, progress)
        return {"loss": loss.detach(), **{name: value.detach() for name, (_, value) in terms.items()}, "norm": norm}

    @property
    def _parts(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        parts = self.discriminators
        return parts["colour"], parts["mesh"], parts["picture"]

    def _known(
        self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"]
    ) -> tuple[tuple[Maps, Maps, Maps], Placement]:
        mirror = flipped.view(-1, 1, 1, 1)
        displacement, colour = (part[rows].to(self.device) for part in (self.maps.displacement, self.maps.colour))
        displacement = torch.where(mirror.to(self.device), mirror_maps(displacement), displacement)
        colour = torch.where(mirror.to(self.device), colour.flip(-1), colour)
        # What a generator of symmetric maps cannot make is nothing by which its maps may be told.
        displacement, colour = share_sides(displacement, colour, self.generator.config.symmetric)
        pictures, placement = self.pictures.batch(rows, flipped)
        unit = (displacement - self.generator.mean) / self.generator.deviation
        return (*_inputs(unit, colour), pictures.to(self.device)), placement.to(self.device)

    def _drawn(
        self, latent: Float[Tensor, "batch latent"], placement: Placement
    ) -> tuple[Animals, tuple[Maps, Maps, Maps]]:
        with bf16_autocast(self.device.type):
            displacement, colour = self.generator.maps(latent)
        displacement, colour = displacement.float(), colour.float()
        animals, light = self.generator.surface(displacement, colour), front_light(len(latent), self.device)
        drawn = draw(self.renderer, animals, placement, light, self.config.pictures)
        picture = torch.cat((drawn.rgb, drawn.mask[..., None]), -1).permute(0, 3, 1, 2)
        return animals, (*_inputs(displacement, colour), picture)

    @torch.no_grad()
    def panel(self, progress: float) -> Panel:
        """Animals of the running mean, always of the same latents."""
        latent = sample_latents(SHOWN, random(self.config.seed, "panel")).to(self.device)
        return draw_sheet(self.renderer, self.mean.animals(latent))


def draw_sheet(renderer: Renderer, animals: Animals, size: int = 96) -> Panel:
    """A row of animals from the side, and below each from the front or from behind."""
    count = len(animals.vertices)
    scale = 3.2 / (animals.vertices.amax(1) - animals.vertices.amin(1)).norm(dim=-1)
    centred = animals.centred()
    rows = list[np.ndarray]()
    for azimuth in (1.2, 2.6):
        half = torch.tensor(azimuth / 2)
        turn = torch.stack((half.cos(), half * 0, -half.sin(), half * 0)).expand(count, 4).to(scale)
        placement = Placement(scale, torch.zeros(count, 2).to(scale), turn)
        drawn = draw(renderer, centred, placement, front_light(count, scale.device), size)
        rows.append(np.concatenate(list(drawn.rgb.cpu().numpy()), 1))
    return (np.concatenate(rows).clip(0, 1) * 255).astype(np.uint8)


def _inputs(displacement: Maps, colour: Maps) -> tuple[Maps, Maps]:
    """What the map discriminators see: colours, displacement with colours pooled to its rows, and what is known."""
    ones = torch.ones_like(colour[:, :1])
    pooled = adaptive_avg_pool2d(colour, ROWS)
    return torch.cat((colour, ones), 1), torch.cat((pooled, displacement, ones[..., :ROWS, :ROWS]), 1)
