"""The teacher's autoencoder: 128 px pictures to 16 x 16 x 4 latents and back, in Stable Diffusion's own format."""

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
from torch.nn.functional import avg_pool2d, conv2d

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.embedded.fitting import FitConfig, train_network
from models.engine.loop import Checkpoints


class AutoencoderTraining(Config):
    """Size and training of the autoencoder."""

    widths: tuple[int, ...] = Field(
        default=(16, 32, 64, 128), description="channels per level; every level halves the picture"
    )
    crop: int = Field(
        default=64, ge=16, multiple_of=8, description="pixels of a training crop; the network is convolutional"
    )
    kl: float = Field(default=1e-5, ge=0, description="weight of the prior on latents")
    edges: float = Field(default=1.0, ge=0, description="weight of differences of neighbouring pixels")
    recipe: FitConfig = FitConfig(steps=2000, batch=16, rate=2e-3, ema_decay=0.998, weight_decay=1e-4)
    polish: FitConfig = FitConfig(steps=2200, batch=16, rate=1e-3, ema_decay=0.998, weight_decay=1e-4)
    """Training of the decoder alone; latents stay, so that a denoiser may learn meanwhile."""


def train_autoencoder(
    config: AutoencoderTraining, images: UInt8[ndarray, "count size size 3"], folder: Path, checkpoints: Checkpoints
) -> None:
    """Learn from pictures and write the `vae` folder of a pipeline."""
    from diffusers import AutoencoderKL

    torch.manual_seed(config.recipe.seed)
    levels = len(config.widths)
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        layers_per_block=1,
        sample_size=images.shape[1],
        block_out_channels=config.widths,
        norm_num_groups=8,
        mid_block_add_attention=False,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
    )

    def loss(step: int, generator: torch.Generator) -> Tensor:
        picture = _crops(images, config, generator)
        with bf16_autocast():
            posterior = vae.encode(picture).latent_dist
            mean, logvar = posterior.mean.float(), posterior.logvar.float()
            noise = torch.randn(mean.shape, generator=generator)
            again = vae.decode(mean + (0.5 * logvar).exp() * noise).sample.float()
        prior = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return difference(again, picture, config.edges) + config.kl * prior

    average = train_network(vae, loss, config.recipe, checkpoints)
    average.register_to_config(scaling_factor=_scaling(average, images))
    average.save_pretrained(folder, safe_serialization=True)


def polish_decoder(
    config: AutoencoderTraining, images: UInt8[ndarray, "count size size 3"], folder: Path, checkpoints: Checkpoints
) -> None:
    """Teach the decoder of the autoencoder in `folder` on, from slightly noisy latents; the encoder stays."""
    from diffusers import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(folder, local_files_only=True)
    decoder = nn.ModuleDict({"first": vae.post_quant_conv, "rest": vae.decoder})

    def loss(step: int, generator: torch.Generator) -> Tensor:
        picture = _crops(images, config, generator)
        with bf16_autocast():
            with torch.no_grad():
                latent = vae.encode(picture).latent_dist.mean.float()
            # A denoiser's latents are not quite those of any picture.
            latent = latent + 0.1 / vae.config.scaling_factor * torch.randn(latent.shape, generator=generator)
            again = decoder["rest"](decoder["first"](latent)).float()
        return difference(again, picture, config.edges)

    average = train_network(decoder, loss, config.polish, checkpoints)
    vae.post_quant_conv, vae.decoder = average["first"], average["rest"]
    vae.save_pretrained(folder, safe_serialization=True)


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


def _crops(
    images: UInt8[ndarray, "count size size 3"], config: AutoencoderTraining, generator: torch.Generator
) -> Tensor:
    """Random crops in [-1, 1], half of them mirrored."""
    crop, room = config.crop, images.shape[1] - config.crop + 1
    picks = torch.randint(len(images), (config.recipe.batch,), generator=generator).tolist()
    corners = torch.randint(room, (config.recipe.batch, 2), generator=generator).tolist()
    cut = [images[pick, y : y + crop, x : x + crop] for pick, (y, x) in zip(picks, corners, strict=True)]
    half = len(cut) // 2
    cut[half:] = [each[:, ::-1] for each in cut[half:]]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def latents(
    vae: nn.Module, images: UInt8[ndarray, "count size size 3"], batch: int = 8
) -> Float[Tensor, "count 4 rows columns"]:
    """Scaled latents (posterior means) of uint8 pictures, in half precision."""
    kept = []
    vae.to(memory_format=torch.channels_last)  # with so few channels twice as fast as bfloat16 on a CPU
    for start in range(0, len(images), batch):
        picture = torch.from_numpy(images[start : start + batch]).permute(0, 3, 1, 2).float() / 127.5 - 1
        kept.append(vae.encode(picture).latent_dist.mean.half())
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
