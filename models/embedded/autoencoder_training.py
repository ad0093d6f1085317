"""The teacher's autoencoder: 128 px pictures to 16 x 16 x 16 latents and back, in Stable Diffusion's own format.

Sixteen channels as newer diffusion models have (Esser et al. 2024): four lose eyes and horns.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportReturnType=false

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, normalize

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.weights import replace_folder
from models.embedded.fitting import FitConfig, train_network
from models.embedded.linear_code import PHOTOS, start_as_linear_code
from models.embedded.photo_set import Pictures
from models.engine.loop import Checkpoints
from models.features import Vit
from models.features.vit import embed


class AutoencoderTraining(Config):
    """Size and training of the autoencoder."""

    widths: tuple[int, ...] = Field(
        default=(16, 32, 64, 128), description="channels per level; every level halves the picture"
    )
    blocks: int = Field(default=2, ge=1, description="residual blocks of a level")
    latents: int = Field(default=16, ge=1, description="channels of the latents")
    crop: int = Field(
        default=64, ge=16, multiple_of=8, description="pixels of a training crop; the network is convolutional"
    )
    kl: float = Field(default=1e-6, ge=0, description="weight of the prior on latents")
    edges: float = Field(default=1.0, ge=0, description="weight of differences of neighbouring pixels")
    perceptual: float = Field(default=0.1, ge=0, description="weight of the distance of the ViT's tokens")
    encoder_rate: float = Field(
        default=0.04, gt=0, description="factor on the encoder's learning rate: it starts as the best linear code"
    )
    recipe: FitConfig = FitConfig(steps=4000, batch=8, rate=1e-3, ema_decay=0.99, weight_decay=1e-4)
    polish: FitConfig = FitConfig(steps=2200, batch=8, rate=5e-4, ema_decay=0.998, weight_decay=1e-4)
    """Training of the decoder alone; latents stay, so that a denoiser may learn meanwhile."""


def train_autoencoder(
    config: AutoencoderTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Checkpoints
) -> None:
    """Learn from pictures and write the `vae` folder of a pipeline."""
    from diffusers import AutoencoderKL

    torch.manual_seed(config.recipe.seed)
    levels = len(config.widths)
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=config.latents,
        layers_per_block=config.blocks,
        sample_size=pictures.image.shape[1],
        block_out_channels=config.widths,
        norm_num_groups=8,
        mid_block_add_attention=False,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
    )
    some = pictures.image[:: max(1, len(pictures) // PHOTOS)]
    start_as_linear_code(vae, _signed(some))

    def loss(step: int, generator: torch.Generator) -> Tensor:
        picture = sample_crops(pictures, config, config.recipe.batch, generator)
        with bf16_autocast():
            posterior = vae.encode(picture).latent_dist
            mean, logvar = posterior.mean.float(), posterior.logvar.float()
            noise = torch.randn(mean.shape, generator=generator)
            again = vae.decode(mean + (0.5 * logvar).exp() * noise).sample.float()
        prior = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return _difference(config, vit, again, picture) + config.kl * prior

    average = train_network(vae, loss, config.recipe, checkpoints, {"encoder.": config.encoder_rate})
    average.register_to_config(scaling_factor=_scaling(average, pictures.image))
    with replace_folder(folder) as place:
        average.save_pretrained(place, safe_serialization=True)


def polish_decoder(
    config: AutoencoderTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Checkpoints
) -> None:
    """Teach the decoder of the autoencoder in `folder` on, from slightly noisy latents; the encoder stays."""
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(folder, local_files_only=True)
    decoder = nn.ModuleDict({"first": vae.post_quant_conv, "rest": vae.decoder})

    def loss(step: int, generator: torch.Generator) -> Tensor:
        picture = sample_crops(pictures, config, config.polish.batch, generator)
        with bf16_autocast():
            with torch.no_grad():
                latent = vae.encode(picture).latent_dist.mean.float()
            # A denoiser's latents are not quite those of any picture.
            latent = latent + 0.1 / vae.config.scaling_factor * torch.randn(latent.shape, generator=generator)
            again = decoder["rest"](decoder["first"](latent)).float()
        return _difference(config, vit, again, picture)

    average = train_network(decoder, loss, config.polish, checkpoints)
    vae.post_quant_conv, vae.decoder = average["first"], average["rest"]
    with replace_folder(folder) as place:
        vae.save_pretrained(place, safe_serialization=True)


def difference(
    one: Float[Tensor, "batch 3 height width"], other: Float[Tensor, "batch 3 height width"], edges: float
) -> Float[Tensor, ""]:
    """Mean absolute difference of colours and, weighted, of edges, at full, half and quarter resolution."""
    total, gap = one.new_zeros(()), one - other
    kernels = gap.new_tensor([[[-1.0, 1.0], [0, 0]], [[-1, 0], [1, 0]]]).repeat(3, 1, 1)[:, None]
    for level in range(3):
        if level:
            gap = avg_pool2d(gap, 2)
        total = total + gap.abs().mean() + edges * conv2d(gap, kernels, groups=3).abs().mean()
    return total


def perceptual_distance(
    vit: Vit, one: Float[Tensor, "batch 3 height width"], other: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, ""]:
    """Mean squared distance of the unit tokens after the second and the last two blocks; gradient to `one`.

    Pictures are in [-1, 1]. What a ViT trained on parts and keypoints tells apart is what should survive.
    """
    with torch.no_grad():
        wanted = _tokens(vit, other)
    distances = [(x - y).square().sum(-1).mean() for x, y in zip(_tokens(vit, one), wanted, strict=True)]
    return torch.stack(distances).mean()


def _tokens(vit: Vit, picture: Float[Tensor, "batch 3 height width"]) -> list[Float[Tensor, "batch tokens channels"]]:
    hidden, _ = embed(vit.network, (picture.permute(0, 2, 3, 1) / 2 + 0.5).clamp(0, 1), vit.stride)
    kept: list[Tensor] = []
    for layer in vit.network.layers:
        hidden = layer(hidden)
        kept.append(normalize(hidden[:, 1:].float(), dim=-1))
    return [*kept[1:2], *kept[-2:]]


def _difference(
    config: AutoencoderTraining,
    vit: Vit,
    one: Float[Tensor, "batch 3 height width"],
    other: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, ""]:
    with bf16_autocast():
        seen = perceptual_distance(vit, one, other)
    return difference(one, other, config.edges) + config.perceptual * seen


def sample_crops(
    pictures: Pictures, config: AutoencoderTraining, batch: int, generator: torch.Generator
) -> Float[Tensor, "batch 3 crop crop"]:
    """Random crops in [-1, 1], every second one around a keypoint of the animal, half of them mirrored."""
    crop, size = config.crop, pictures.image.shape[1]
    room = size - crop
    picks = torch.randint(len(pictures), (batch,), generator=generator).numpy()
    corners = torch.randint(room + 1, (batch, 2), generator=generator).numpy()
    chosen = torch.randint(pictures.keypoints.shape[1], (batch,), generator=generator).numpy()
    jitter = torch.randint(-crop // 3, crop // 3, (batch, 2), generator=generator).numpy()
    around = (pictures.keypoints[picks, chosen, :2] + 1) / 2 * size - crop / 2 + jitter
    corners[1::2] = np.clip(around.round(), 0, room)[1::2]
    cut = [pictures.image[pick, y : y + crop, x : x + crop] for pick, (x, y) in zip(picks, corners, strict=True)]
    cut[batch // 2 :] = [crop[:, ::-1] for crop in cut[batch // 2 :]]
    return _signed(np.stack(cut))


def _signed(images: UInt8[ndarray, "count height width 3"]) -> Float[Tensor, "count 3 height width"]:
    """Pictures of bytes in [-1, 1], as the autoencoder takes them."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def latents(
    vae: nn.Module, images: UInt8[ndarray, "count size size 3"], batch: int = 8
) -> Float[Tensor, "count channels rows columns"]:
    """Scaled latents (posterior means) of uint8 pictures, in half precision."""
    kept = []
    vae.to(memory_format=torch.channels_last)  # with so few channels twice as fast as bfloat16 on a CPU
    for start in range(0, len(images), batch):
        kept.append(vae.encode(_signed(images[start : start + batch])).latent_dist.mean.half())
    return torch.cat(kept) * vae.config.scaling_factor


@torch.no_grad()
def round_trip(
    vae: nn.Module, images: UInt8[ndarray, "count size size 3"], batch: int = 8
) -> UInt8[ndarray, "count size size 3"]:
    """The pictures as the autoencoder gives them back: what generated photos look like."""
    back = [
        (vae.decode(some.float() / vae.config.scaling_factor).sample / 2 + 0.5).clamp(0, 1)
        for some in latents(vae, images, batch).split(batch)
    ]
    return (torch.cat(back).permute(0, 2, 3, 1) * 255).round().byte().numpy()


def _scaling(vae: nn.Module, images: UInt8[ndarray, "count size size 3"]) -> float:
    """What brings the latents to unit variance, as diffusion wants them."""
    vae.register_to_config(scaling_factor=1.0)
    return round(1 / latents(vae, images[:: max(1, len(images) // 512)]).float().std().item(), 4)
