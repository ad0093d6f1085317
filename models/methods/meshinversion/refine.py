"""The inversion (MeshInversion, sections 3.2 and 3.3): latent and camera are searched until the animal is the photo's.

The light is searched with them, which the paper has in its textures: coats here are free of light.
"""

import logging
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.data.crops import random
from models.features.vit import Vit, as_map, embed
from models.geometry.uv_sphere import Maps
from models.methods.meshinversion import losses
from models.methods.meshinversion.model import AnimalGenerator, draw, sample_latents, template
from models.methods.meshinversion.pretraining import bending, neighbours
from models.methods.meshinversion.state import Placement
from models.rendering import Renderer
from models.rendering.types import Light, Rendering, front_light

logger = logging.getLogger(__name__)
LATENT_RATES = (0.1, 0.05, 0.01, 0.005)
CAMERA_RATES = (0.01, 0.005, 0.001, 0.0005)
"""Of the four stages, as in the paper."""
BETAS = (0.0, 0.99)
BLOCKS = 2
"""Blocks of the transformer whose tokens are compared: what it sees after them is still a matter of places."""
COARSE = 32
"""Pixels along an edge of the pictures in which random latents are compared."""
COVERED = 0.5
"""Share of a token's cell that the animal has to cover."""
AT_ONCE = 50
"""Random latents that are drawn together."""


class SearchConfig(Config):
    """How long is searched, and by which losses."""

    starts: int = Field(default=100, ge=1, description="random latents, of which the best is where the search starts")
    steps: int = Field(default=25, ge=1, description="steps in each of the four stages")
    points: int = Field(default=1024, ge=1, description="pixels of each picture that are compared")
    texture: Literal["chamfer", "l1", "perceptual", "contextual"] = Field(
        default="chamfer", description="how colours are compared; the others are those of the paper's ablation"
    )
    pixel: float = Field(default=1.0, ge=0, description="weight of colours")
    feature: float = Field(default=0.04, ge=0, description="weight of the transformer's features")
    mask: float = Field(default=10.0, ge=0, description="weight of the silhouette")
    flat: float = Field(default=0.0, ge=0, description="weight of (1 - cosine)^2 between neighbouring faces")
    prior: float = Field(default=0.05, ge=0, description="weight of z^2 / 2")


Tokens = Float[Tensor, "channels rows columns"]
Part = Float[Tensor, "..."]
"""Any part of what is searched."""


@dataclass(frozen=True)
class Answer:
    """What is searched, for a batch of crops."""

    latent: Float[Tensor, "batch latent"]
    placement: Placement
    lamp: Float[Tensor, "batch 4"]
    """`Light.coefficients`."""

    def light(self) -> Light:
        """The lamp as a light."""
        ambient, diffuse = self.lamp[:, 0], self.lamp[:, 1:]
        return Light(normalize(diffuse, dim=1), ambient.clamp(min=0), diffuse.norm(dim=1))

    def parts(self) -> tuple[Part, ...]:
        """Latent, scale, shift, turn and lamp."""
        return self.latent, self.placement.scale, self.placement.shift, self.placement.turn, self.lamp

    @staticmethod
    def of(parts: tuple[Part, ...]) -> "Answer":
        """What `parts` were of."""
        latent, scale, shift, turn, lamp = parts
        return Answer(latent, Placement(scale, shift, turn), lamp)


@dataclass(frozen=True)
class Photo:
    """What one crop shows, in points."""

    colour: Float[Tensor, "pixels 3"]
    """Of the animal's pixels, in [-1, 1]."""
    places: Float[Tensor, "pixels 2"]
    """Their middles in normalised device coordinates."""
    picture: Float[Tensor, "size size 3"]
    """The animal on black."""
    mask: Float[Tensor, "size size"]


@dataclass(frozen=True)
class Searcher:
    """Searches the generator for the animal of a photo."""

    generator: AnimalGenerator
    vit: Vit
    renderer: Renderer
    config: SearchConfig

    @torch.no_grad()
    def start(self, image: Float[Tensor, "size size 3"], mask: Float[Tensor, "size size"], at: Placement) -> Answer:
        """The best of random latents, where the crop is said to show its animal; the first where the mask is empty."""
        photo = read_photo(*_shrink(image, mask, COARSE))
        latent = sample_latents(self.config.starts, random("meshinversion", "starts")).to(image)
        device, scores = image.device, list[Tensor]()
        if not len(photo.places):
            return Answer(latent[:1], at, front_light(1, device).coefficients)
        for some in latent.split(AT_ONCE):
            placement = at.rows(torch.zeros(len(some), dtype=torch.long, device=device))
            animals, light = self.generator.animals(some), front_light(len(some), device)
            drawn = draw(self.renderer, animals, placement, light, COARSE)
            projected = placement.camera().project(animals.vertices * at.scale)
            for row in range(len(some)):
                colour, places = _foreground(drawn.rgb[row], drawn.mask[row])
                score = self.config.mask * losses.mask_loss(projected[row], photo.places)
                if len(colour):
                    score = score + losses.pixel_loss(colour, places, photo.colour, photo.places)
                scores.append(score if len(colour) else score + 10)
        best = torch.stack(scores).argmin()
        return Answer(latent[best][None], at, front_light(1, device).coefficients)

    @torch.enable_grad()
    def search(self, image: Float[Tensor, "size size 3"], mask: Float[Tensor, "size size"], start: Answer) -> Answer:
        """The best state on the way; a search that diverges is said, and ends there."""
        photo, config = read_photo(image, mask), self.config
        if not len(photo.places):
            return start
        target = self._features(photo.picture)[0]
        parts = tuple(part.detach().clone().requires_grad_() for part in start.parts())
        best, least = start, torch.inf
        for stage, (rate, camera_rate) in enumerate(zip(LATENT_RATES, CAMERA_RATES, strict=True)):
            groups = [{"params": parts[:1], "lr": rate}, {"params": parts[1:], "lr": camera_rate}]
            adam = torch.optim.Adam(groups, betas=BETAS)
            for number in range(stage * config.steps, (stage + 1) * config.steps):
                loss = self._loss(Answer.of(parts), photo, target, number)
                if not torch.isfinite(loss):
                    logger.warning(
                        "the search diverges at step %d (loss %s); the best state so far answers",
                        number,
                        float(loss.detach()),
                    )
                    return best
                if float(loss.detach()) < least:
                    best, least = Answer.of(tuple(part.detach().clone() for part in parts)), float(loss.detach())
                adam.zero_grad()
                loss.backward()
                adam.step()
        return best

    def _loss(self, answer: Answer, photo: Photo, target: Tokens, number: int) -> Float[Tensor, ""]:
        config, size = self.config, len(photo.mask)
        with bf16_autocast(answer.latent.device.type):
            maps = self.generator.maps(answer.latent)
        animals = self.generator.surface(*maps)
        drawn = draw(self.renderer, animals, answer.placement, answer.light(), size)
        camera = answer.placement.camera()
        projected = camera.project(animals.vertices * answer.placement.scale[:, None, None])[0]
        some = random("meshinversion", "points", number)
        places = _some((photo.places, photo.places), config.points, some)[0]
        loss = config.mask * losses.mask_loss(projected, places) + config.prior * losses.latent_prior(answer.latent)
        if config.flat:
            sphere = template(projected.device)
            loss = loss + config.flat * bending(animals.vertices, sphere.faces, neighbours(sphere))
        return loss + self._texture(drawn, photo, target, some)

    def _texture(self, drawn: Rendering, photo: Photo, target: Tokens, some: torch.Generator) -> Float[Tensor, ""]:
        config, picture, mask = self.config, drawn.rgb[0], drawn.mask[0]
        colour, places = _foreground(picture, mask)
        if not len(colour):
            return picture.sum() * 0
        both = (mask + photo.mask > COVERED)[..., None]
        l1 = ((picture - photo.picture).abs() * both).sum() / (3 * both.sum()) * 2
        if config.texture == "l1":
            return config.pixel * l1
        cells = torch.nn.functional.adaptive_avg_pool2d(
            torch.stack((mask.detach(), photo.mask)), (target.shape[1], target.shape[2])
        )
        ours = self._features(picture)[0]
        if config.texture == "perceptual":
            covered = (cells > COVERED).any(0)
            apart = normalize(ours, dim=0) - normalize(target, dim=0)
            return config.pixel * (l1 + apart.square().sum(0)[covered].mean())
        (our_values, our_places), (values, middles) = (
            _cells(features, cell) for features, cell in ((ours, cells[0]), (target, cells[1]))
        )
        if not len(our_values) or not len(values):
            return config.pixel * l1
        if config.texture == "contextual":
            return config.pixel * losses.contextual_loss(our_values, values)
        ours_some, theirs = (
            _some((colour, places), config.points, some),
            _some((photo.colour, photo.places), config.points, some),
        )
        pixels = losses.pixel_loss(*ours_some, *theirs)
        return config.pixel * pixels + config.feature * losses.feature_loss(our_values, our_places, values, middles)

    def _features(self, picture: Float[Tensor, "size size 3"]) -> Maps:
        """Tokens of the transformer's first blocks, with gradient."""
        network = self.vit.network
        with bf16_autocast(picture.device.type):
            hidden, (rows, columns) = embed(network, picture.clamp(0, 1)[None], self.vit.stride)
            for block in network.layers[:BLOCKS]:
                hidden = block(hidden, None)
        return as_map(hidden.float(), rows, columns)


def read_photo(image: Float[Tensor, "size size 3"], mask: Float[Tensor, "size size"]) -> Photo:
    """The animal under the mask."""
    picture = image * mask[..., None]
    colour, places = _foreground(image, mask)
    return Photo(colour, places, picture, mask)


def pixel_middles(rows: int, columns: int, like: Float[Tensor, "*shape"]) -> Float[Tensor, "{rows} {columns} 2"]:
    """In normalised device coordinates: x right, y down."""
    x, y = ((torch.arange(count).to(like) + 0.5) / count * 2 - 1 for count in (columns, rows))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def _foreground(
    picture: Float[Tensor, "size size 3"], mask: Float[Tensor, "size size"]
) -> tuple[Float[Tensor, "pixels 3"], Float[Tensor, "pixels 2"]]:
    inside = mask > COVERED
    return 2 * picture[inside] - 1, pixel_middles(mask.shape[0], mask.shape[1], picture)[inside]


def _cells(
    features: Float[Tensor, "channels rows columns"], cover: Float[Tensor, "rows columns"]
) -> tuple[Float[Tensor, "cells channels"], Float[Tensor, "cells 2"]]:
    inside = cover >= COVERED
    return features[:, inside].T, pixel_middles(cover.shape[0], cover.shape[1], features)[inside]


def _some(parts: tuple[Tensor, Tensor], count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The same rows of both, `count` of them at random."""
    rows = torch.randperm(len(parts[0]), generator=generator)[:count].to(parts[0].device)
    return parts[0][rows], parts[1][rows]


def _shrink(
    image: Float[Tensor, "size size 3"], mask: Float[Tensor, "size size"], size: int
) -> tuple[Float[Tensor, "{size} {size} 3"], Float[Tensor, "{size} {size}"]]:
    both = torch.cat((image * mask[..., None], mask[..., None]), -1).permute(2, 0, 1)
    small = torch.nn.functional.interpolate(
        both[None], (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    cover = small[0, 3]
    return small[0, :3].permute(1, 2, 0) / cover.clamp(min=1e-3)[..., None], cover
