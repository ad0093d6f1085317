"""Score distillation: what a frozen text-to-image model thinks of the animal seen from elsewhere (DreamFusion eq. 3).

    grad SDS = w(t) (noise'(z_t, prompt) - noise) dz/dtheta,    w(t) = 1 - alpha_bar(t)

z is the latent of a virtual view: the predicted animal under a random camera and a random light, over a random
background. The word for the camera's place goes into the prompt. Constants and their sources: fidelity F39 to F45.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import degrees, radians, sin, tan
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, normalize

from models.core.category import VIEWS, Words, fields
from models.core.config import Config
from models.core.schedule import Schedule
from models.data.batch import Batch
from models.data.parts import normal_noise, per_image
from models.geometry.cameras import DISTANCE, VIEW_HALF_ANGLE, Camera, PerspectiveCamera, look_at, view_word
from models.geometry.mesh import Mesh
from models.rendering.types import Light, Rendering

Latents = Float[Tensor, "batch channels rows columns"]
Component = Literal["albedo", "shading", "full"]
COMPONENTS: tuple[Component, ...] = ("albedo", "shading", "full")
AMBIENT, DIFFUSE = 0.5, 0.8
OVERHEAD = "overhead"
"""The word for a view from above, where the prompts have one."""


@runtime_checkable
class DiffusionPrior(Protocol):
    """The part of a latent diffusion model that distillation uses."""

    alphas_cumprod: Float[Tensor, " times"]

    def encode(
        self,
        images: Float[Tensor, "batch height width 3"],
        sample: bool = False,
        generator: torch.Generator | None = None,
    ) -> Latents:
        """Latents of pictures in [0, 1], with gradient to them: the mean of their distribution, or a sample."""
        ...

    def predict_noise(
        self,
        latents: Latents,
        t: Int[Tensor, " batch"],
        prompts: list[str],
        guidance: float,
    ) -> Latents:
        """Guided noise estimate, without gradient."""
        ...


class DistillationConfig(Config):
    """Virtual views and how they are scored."""

    every: int = Field(default=2, ge=1, description="steps between distillations")
    prompt: str = Field(default="a {name}, {view} view", description="what a virtual view is said to show")
    front_deg: float = Field(
        default=degrees(VIEW_HALF_ANGLE), gt=0, lt=90, description="front and back reach this far from the body axis"
    )
    overhead_deg: float | None = Field(
        default=None, ge=0, le=90, description="elevation from which a view is called overhead; none: never"
    )
    latents: Literal["mean", "sample"] = Field(
        default="mean", description="what of the autoencoder's posterior is scored"
    )
    size: int = Field(default=256, ge=16, description="pixels of a virtual view")
    guidance: Schedule = Field(default=Schedule(100.0), description="classifier-free guidance")
    times: tuple[float, float] = Field(
        default=(0.02, 0.6), description="range of the noise level, as a share of all levels"
    )
    mix: tuple[float, float, float] = Field(
        default=(0.2, 0.4, 0.4), description="shares shown as albedo, grey shading, full"
    )
    grad_to: Literal["texture", "texture+shape", "all"] = Field(
        default="all", description="what learns: the albedo; also the shape; also the articulation"
    )
    elevation_deg: tuple[float, float] = Field(default=(-10.0, 89.0), description="camera heights, uniform in area")
    fill: tuple[float, float] | None = Field(
        default=None,
        description="share of the picture that the animal covers, as in the model's own photos; off: distance 9-11",
    )
    background: Literal["colour", "photo"] = Field(
        default="colour",
        description="one random colour per view, or the colours of the photo's own background from top to foot",
    )

    @field_validator("times")
    @classmethod
    def _in_range(cls, times: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= times[0] <= times[1] <= 1:
            raise ValueError(f"is {times}; give a share from 0 to 1, and one that is no smaller")
        return times

    @field_validator("prompt")
    @classmethod
    def _whole(cls, prompt: str) -> str:
        if fields(prompt) != {"name", "view"}:
            raise ValueError(f"is {prompt!r}; it has to hold {{name}} and {{view}}, and nothing else in braces")
        return prompt

    def build(self, diffusion_prior: DiffusionPrior, animal: Words) -> "Distillation":
        """The loss for this kind of animal."""
        words = VIEWS if self.overhead_deg is None else (*VIEWS, OVERHEAD)
        return Distillation(self, diffusion_prior, {word: animal.prompt(word, self.prompt) for word in words})

    def word(self, azimuth: float, elevation: float) -> str:
        """What a view from there is called."""
        if self.overhead_deg is not None and degrees(elevation) >= self.overhead_deg:
            return OVERHEAD
        return view_word(azimuth, radians(self.front_deg))


@dataclass(frozen=True)
class Distilled:
    """One distillation step."""

    loss: Float[Tensor, ""]
    pictures: Float[Tensor, "batch size size 3"]
    captions: tuple[str, ...]
    """Prompt, component and noise level of each picture, for a person."""
    notes: dict[str, float]
    """Means over the batch: noise level t, weight w and gradient norm, and the share of each view and component."""


class Distillation:
    """A frozen diffusion model and the wording of the views."""

    def __init__(self, config: DistillationConfig, diffusion_prior: DiffusionPrior, prompts: dict[str, str]) -> None:
        """The diffusion model must be on the device of the animals."""
        self.config, self.diffusion_prior, self.prompts = config, diffusion_prior, prompts
        # Asked here, so that a model without noise levels is refused before the training and not half-way.
        levels = len(diffusion_prior.alphas_cumprod)
        self.times = tuple(min(round(share * levels), levels - 1) for share in config.times)

    def __call__(
        self,
        mesh: Mesh,
        render: Callable[[Camera, Light, int], Rendering],
        batch: Batch,
        progress: float,
        generator: torch.Generator | None,
    ) -> Distilled:
        """Score one random view of each animal that `render` draws; `mesh` and `batch` give cameras and backgrounds."""
        count, device = len(mesh), mesh.vertices.device
        camera = virtual_cameras(self.config, mesh, generator)
        rendering = render(camera, virtual_lights(count, device, generator), self.config.size)
        components = _components(count, self.config.mix, generator)
        background = per_image(lambda images: torch.rand(images, 1, 1, 3, generator=generator), count, generator)
        background = background.to(device)
        if self.config.background == "photo":
            background = backdrop(batch, self.config.size)
        pictures = compose(rendering, components, background)
        places = zip(camera.azimuth.tolist(), camera.elevation.tolist(), strict=True)
        words = [self.config.word(azimuth, elevation) for azimuth, elevation in places]
        prompts = [self.prompts[word] for word in words]

        latents = self.diffusion_prior.encode(pictures, self.config.latents == "sample", generator)
        t, noise = self._noise(latents, generator)
        gradient, weight = self._gradient(latents, t, noise, prompts, self.config.guidance.at(progress))
        loss = 0.5 * (latents - (latents - gradient).detach()).square().mean()
        shown = zip(prompts, components, t.tolist(), strict=True)
        captions = tuple(f"{prompt} | {kind} | t {level}" for prompt, kind, level in shown)
        notes = {
            "sds_t": t.float().mean().item(),
            "sds_w": weight.mean().item(),
            "sds_gradient": gradient.square().mean().sqrt().item(),
            **{f"sds_{word}": words.count(word) / count for word in self.prompts},
            **{f"sds_{kind}": components.count(kind) / count for kind in COMPONENTS},
        }
        return Distilled(loss, pictures.detach(), captions, notes)

    def _noise(self, latents: Latents, generator: torch.Generator | None) -> tuple[Int[Tensor, " batch"], Latents]:
        low, high = self.times
        t = per_image(
            lambda images: torch.randint(low, high + 1, (images,), generator=generator), len(latents), generator
        )
        return t.to(latents.device), normal_noise(latents, generator)

    @torch.no_grad()
    def _gradient(
        self, latents: Latents, t: Int[Tensor, " batch"], noise: Latents, prompts: list[str], guidance: float
    ) -> tuple[Latents, Float[Tensor, "batch 1 1 1"]]:
        """The gradient of score distillation to the latents, and its weight w(t)."""
        alpha = self.diffusion_prior.alphas_cumprod.to(latents)[t].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        predicted = self.diffusion_prior.predict_noise(noisy, t, prompts, guidance)
        weight = 1 - alpha
        # Half-precision diffusion models overflow now and then; such a latent pixel then says nothing.
        return (weight * (predicted.to(noise) - noise)).nan_to_num(0, 0, 0), weight


def virtual_cameras(config: DistillationConfig, mesh: Mesh, generator: torch.Generator | None) -> PerspectiveCamera:
    """Cameras all around the animals, uniform over the band of the sphere between the two elevations."""
    device = mesh.vertices.device
    numbers = per_image(lambda images: torch.rand(3, images, generator=generator), len(mesh), generator, axis=1)
    azimuth, height, distance = numbers.to(device)
    azimuth = azimuth * 2 * torch.pi
    low, high = (sin(radians(degrees)) for degrees in config.elevation_deg)
    # look_at keeps |elevation| below 89 degrees, where its right vector would degenerate.
    elevation = torch.asin((low + (high - low) * height).clamp(-1, 1))
    if config.fill is None:
        return look_at(azimuth, elevation, 9 + 2 * distance)
    share = config.fill[0] + (config.fill[1] - config.fill[0]) * distance
    return _framed(mesh, azimuth, elevation, share)


@torch.no_grad()
def _framed(
    mesh: Mesh, azimuth: Float[Tensor, " batch"], elevation: Float[Tensor, " batch"], share: Float[Tensor, " batch"]
) -> PerspectiveCamera:
    """Cameras whose pictures have the animal centred, whole, and covering about `share` of the area."""
    distance, target = torch.full_like(azimuth, DISTANCE), mesh.vertices.mean(1)
    for _ in range(3):  # perspective changes the box; three rounds leave it within 2 %
        camera = look_at(azimuth, elevation, distance, target)
        ndc = camera.project(mesh.vertices)
        low, high = ndc.amin(1), ndc.amax(1)
        box = high - low
        # The picture has side 2 in ndc; an animal covers about 55 % of its bounding box.
        zoom = (share * 4 / (0.55 * box.prod(-1))).sqrt().minimum(1.8 / box.amax(-1))
        shift = (high + low) / 2 * (distance * tan(camera.fov / 2))[:, None]
        right, down = camera.T_camera_world[:, 0, :3], -camera.T_camera_world[:, 1, :3]
        target = target + shift[:, :1] * right + shift[:, 1:] * down
        distance = distance / zoom
    return look_at(azimuth, elevation, distance, target)


def virtual_lights(count: int, device: torch.device, generator: torch.Generator | None) -> Light:
    """Random directional lights in the camera frame, more often from the camera's side than from behind."""
    towards_camera = torch.tensor((0.0, 0.0, 1.0))
    scatter = per_image(lambda images: torch.randn(images, 3, generator=generator), count, generator)
    direction = normalize(towards_camera + scatter, dim=-1).to(device)
    return Light(direction, torch.full((count,), AMBIENT, device=device), torch.full((count,), DIFFUSE, device=device))


def backdrop(batch: Batch, size: int) -> Float[Tensor, "batch {size} 1 3"]:
    """The mean colour of each row of the photos behind the animals; rows without any take it from those around.

    A small diffusion model has never seen an animal on plain magenta, and its autoencoder cannot even draw one.
    """
    known = batch.valid * (1 - max_pool2d(batch.mask[:, None], 5, stride=1, padding=2)[:, 0])
    colour, weight = (batch.image * known[..., None]).sum(2), known.sum(2)[..., None] + 1e-6
    rows = torch.arange(colour.shape[1], device=colour.device)
    near = 1 / (1 + (rows[:, None] - rows).square() / 4).square()
    profile = (near @ colour) / (near @ weight)
    return interpolate(profile.mT, size, mode="linear", align_corners=False).mT[:, :, None]


def compose(
    rendering: Rendering, components: list[Component], background: Float[Tensor, "batch rows 1 3"]
) -> Float[Tensor, "batch size size 3"]:
    """What the diffusion model sees: one component of each rendering over a plain background.

    Not clamped to 1, where strong light would lose its gradient. Shading is drawn grey, so that the shape cannot hide
    in colour, and halved, so that ambient and diffuse light together stay in range.
    """
    grey = (rendering.shading / 2)[..., None].expand_as(rendering.rgb)
    drawn = {"albedo": rendering.albedo, "shading": grey, "full": rendering.rgb}
    shown = torch.stack([drawn[kind][image] for image, kind in enumerate(components)])
    return shown + (1 - rendering.mask[..., None]) * background


def _components(count: int, mix: tuple[float, float, float], generator: torch.Generator | None) -> list[Component]:
    shares = torch.tensor(mix)
    chosen = per_image(
        lambda images: torch.multinomial(shares, images, replacement=True, generator=generator), count, generator
    )
    return [COMPONENTS[kind] for kind in chosen.tolist()]
