"""Fitting of coat, light and feature field alone, at shapes and poses that stay as they are.

Where surfaces do not move, what each pixel sees is found once. A step then reads the fields at some pixels of many
crops, without a picture being drawn: 600 crops a second on two cores, where the whole training has 16.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.crops import Crops, batch_rows, random
from models.engine.ema import update_ema
from models.engine.loop import Panel, Values
from models.engine.optimiser import Optimiser
from models.methods.magicpony.losses.lighting import light_distance
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks.pose import plausible
from models.methods.magicpony.panels import ROWS, panel
from models.rendering import Renderer, deferred
from models.rendering.shading import shade

AT_ONCE = 16
"""Crops whose pixels are found together."""


class AppearanceFitting(Config):
    """How long and how fast, and what counts how much."""

    steps: int = Field(default=0, ge=0, description="optimiser steps; 0 for none")
    batch: int = Field(default=64, ge=1, description="crops per step")
    pixels: int = Field(default=192, ge=1, description="pixels that are kept of each crop")
    rate: float = Field(default=1e-3, gt=0, description="learning rate")
    lr_schedule: Schedule = Field(
        default=Schedule({0.0: 0.05, 0.05: 1.0, 0.5: 1.0, 1.0: 0.03}), description="factor on the learning rate"
    )
    ema_decay: float = Field(default=0.99, ge=0, lt=1, description="decay of the running mean of the weights")
    rgb: float = Field(default=3.0, ge=0, description="absolute colour error")
    features: float = Field(default=10.0, ge=0, description="squared error of the feature field")
    light: float = Field(default=1.0, ge=0, description="error of the light's coefficients, where they are known")


@dataclass(frozen=True)
class SeenPixels:
    """Some pixels of each crop on which photo and predicted animal overlap."""

    points: Float[Tensor, "crops pixels 3"]
    """What each sees, in the frame of the prior shape."""
    normal: Float[Tensor, "crops pixels 3"]
    """Unit normal in the camera frame, turned to the viewer."""
    color: Float[Tensor, "crops pixels 3"]
    """RGB of the photo in [0, 1]."""
    features: Float[Tensor, "crops pixels channels"]
    """Of the photo; no channels where it has none."""
    usable: Bool[Tensor, " crops"]
    """Whether there are any, seen from a viewpoint that word and head allow."""

    def rows(self, rows: Int[Tensor, " batch"]) -> "SeenPixels":
        """Those of some crops, in single precision."""
        chosen = (getattr(self, each.name)[rows] for each in fields(self))
        return SeenPixels(*(values.float() if values.is_floating_point() else values for values in chosen))

    def stored(self) -> "SeenPixels":
        """All of them in half precision: a thousand crops take 10 MB."""
        values = (getattr(self, each.name) for each in fields(self))
        return SeenPixels(*(each.half() if each.is_floating_point() else each for each in values))


@torch.no_grad()
def see_pixels(animal: Animal, batch: Batch, renderer: Renderer, pixels: int, generator: torch.Generator) -> SeenPixels:
    """`pixels` random pixels of each crop of a batch, some of them more than once where there are fewer.

    `animal` answers as it does outside of training; pixels at the rim of either silhouette are left out.
    """
    animal.eval()
    prediction, size = animal(batch, 1.0), batch.image.shape[1]
    mesh, camera = prediction.mesh, prediction.camera
    _, fragments = deferred.rasterize(renderer, mesh, camera, size)
    drawn = fragments.face >= 0
    covered = drawn.flatten().nonzero()[:, 0]
    points, normal = deferred.points_and_normals(renderer, fragments, mesh, camera, prediction.prior[None], covered)
    common = batch.mask * batch.valid * drawn
    inside = avg_pool2d(common[:, None], 3, stride=1, padding=1)[:, 0].flatten(1) > 0.99
    allowed = plausible(batch.view, batch.heading, batch.truth and batch.truth.towards)
    usable = inside.any(1) & allowed.gather(1, prediction.hypothesis[:, None])[:, 0]
    # An even choice where nothing is inside: such a crop is not usable, and its pixels are read nevertheless.
    odds = torch.where(inside.any(1, keepdim=True), inside.float(), 1.0)
    chosen = odds.cpu().multinomial(pixels, replacement=True, generator=generator).to(odds.device)

    def at_chosen(picture: Float[Tensor, "batch size size channels"]) -> Float[Tensor, "batch pixels channels"]:
        return picture.flatten(1, 2).gather(1, chosen[..., None].expand(-1, -1, picture.shape[-1]))

    def of_surface(values: Float[Tensor, "covered channels"]) -> Float[Tensor, "batch pixels channels"]:
        empty = values.new_zeros(drawn.numel(), values.shape[-1])
        return at_chosen(empty.index_copy(0, covered, values).view(*drawn.shape, -1))

    features = batch.image[..., :0]
    if batch.features is not None:
        features = interpolate(batch.features, (size, size), mode="bilinear", align_corners=False).movedim(1, -1)
    return SeenPixels(of_surface(points), of_surface(normal), at_chosen(batch.image), at_chosen(features), usable)


class _Networks(nn.Module):
    """What learns."""

    def __init__(self, animal: Animal) -> None:
        super().__init__()
        self.out_code, self.albedo, self.light = animal.out_code, animal.albedo, animal.light
        self.feature = animal.prior.feature


class AppearanceLearner:
    """Adam over coat, light, their image code and the feature field, with a running mean of the weights."""

    def __init__(self, animal: Animal, crops: Crops, renderer: Renderer, config: AppearanceFitting, seed: int) -> None:
        """`animal` learns in place. Each crop is looked at as it is and mirrored."""
        self.animal, self.crops, self.renderer, self.config, self.seed = animal, crops, renderer, config, seed
        self.networks = _Networks(animal)
        self.mean = deepcopy(self.networks).requires_grad_(False)
        self.optimiser = Optimiser(torch.optim.Adam(self.networks.parameters(), lr=config.rate), config.lr_schedule)
        self.pixels: SeenPixels | None = None
        """What the crops show, by `Batch.index`; found at the first step."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The networks and the running mean of their weights."""
        return {"networks": self.networks, "mean": self.mean}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One Adam."""
        return {"networks": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        if self.pixels is None:
            self.pixels = self._look()
        rows, flipped = batch_rows(len(self.crops), self.config.batch, number, self.seed)
        batch, seen = self.crops.batch(rows, flipped), self.pixels.rows(2 * rows + flipped)
        self.animal.train()
        out, _ = self.animal.tokens(batch, True)
        code = self.animal.texture_code(batch, out)
        light = self.animal.light(code)
        image = torch.arange(len(batch), device=code.device).repeat_interleave(self.config.pixels)
        points = seen.points.flatten(0, 1)
        albedo = self.animal.read(self.animal.albedo, points, code, image).view_as(seen.points)
        features = self.animal.read(self.animal.prior.features, points).unflatten(0, seen.points.shape[:2])

        def mean(error: Float[Tensor, "batch pixels channels"]) -> Float[Tensor, ""]:
            return (error.mean((1, 2)) * seen.usable).mean()

        losses = {
            "rgb": (self.config.rgb, mean((albedo * shade(seen.normal, light)[..., None] - seen.color).abs())),
            "features": (self.config.features, mean((features - seen.features).square())),
        }
        if batch.truth is not None:
            losses["light"] = (self.config.light, light_distance(light, batch))
        loss = torch.stack([weight * value for weight, value in losses.values()]).sum()
        norm = self.optimiser.update(loss, progress)
        update_ema(self.mean, self.networks, self.config.ema_decay)
        return {"loss": loss.detach(), **{name: v.detach() for name, (_, v) in losses.items()}, "gradient_norm": norm}

    def panel(self, progress: float) -> Panel:
        """The first crops of the training set."""
        batch = self.crops.batch(torch.arange(min(ROWS, len(self.crops))))
        return panel(self.animal, self.renderer, batch, 1.0, [])

    def finish(self) -> None:
        """Put the running mean of the weights into the animal."""
        self.networks.load_state_dict(self.mean.state_dict())

    def _look(self) -> SeenPixels:
        """Pixels of all crops and their mirror images, by `Batch.index`; half precision, for there are many."""
        parts: list[SeenPixels] = []
        for index in torch.arange(2 * len(self.crops)).split(AT_ONCE):
            batch = self.crops.batch(index // 2, index % 2 > 0)
            generator = random(self.seed, "pixels", int(index[0]))
            parts.append(see_pixels(self.animal, batch, self.renderer, self.config.pixels, generator).stored())
        return SeenPixels(*(torch.cat([getattr(part, each.name) for part in parts]) for each in fields(SeenPixels)))
