"""The embedded teacher: a small, genuine Stable Diffusion that knows barnyard photos and the words of our prompts.

Latent diffusion (Rombach et al. 2022) with v-prediction (Salimans and Ho 2022) on a noise schedule that ends in pure
noise (Lin et al. 2024). Text encoder and denoiser learn together; a tenth of the captions is empty, for guidance.
The denoiser is also asked which part of the animal is where, from what it knows half-way up: a representation that is
good for something learns faster (REPA, Yu et al. 2025, with a ViT's features where the parts stand here).
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportReturnType=false

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.weights import digest, replace_folder, write_part_digests
from models.embedded.autoencoder_training import AutoencoderTraining, latents, polish_decoder, train_autoencoder
from models.embedded.fitting import FitConfig, train_network
from models.embedded.part_loss import merged_parts, part_weights, soft_part_cross_entropy
from models.embedded.photo_set import Pictures
from models.embedded.vocabulary import LENGTH, write_vocabulary
from models.engine.loop import Checkpoints
from models.features import Vit

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler
    from transformers import CLIPTokenizer

Latents = Float[Tensor, "batch channels rows columns"]
WORDS = (
    "a the of photo picture view front side back walking running standing grazing on in away from camera "
    "grass sand snow field cow horse sheep pig dog animal black white brown chestnut grey red and"
)


class TeacherTraining(Config):
    """Sizes and training of the teacher."""

    autoencoder: AutoencoderTraining = AutoencoderTraining()
    text_width: int = Field(default=128, ge=32, multiple_of=32, description="channels of the text encoder")
    text_layers: int = Field(default=2, ge=1, description="layers of the text encoder")
    widths: tuple[int, int] = Field(default=(96, 192), description="channels of the denoiser at 16 and at 8 rows")
    empty: float = Field(default=0.1, ge=0, le=1, description="share of captions left out")
    parts: float = Field(default=0.1, ge=0, description="weight of the parts of the animal beside the velocity")
    recipe: FitConfig = FitConfig(steps=3600, batch=64, rate=1e-3, ema_decay=0.998)


class Denoiser(nn.Module):
    """Text encoder and U-Net as one network, and a linear reading of the parts that is thrown away."""

    def __init__(self, config: TeacherTraining, tokens: int, parts: int) -> None:
        """Random weights for a vocabulary of `tokens`, whose last is the end token."""
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        super().__init__()
        width, latents = config.text_width, config.autoencoder.latents
        self.text = CLIPTextModel(CLIPTextConfig(
            vocab_size=tokens, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=config.text_layers,
            num_attention_heads=width // 32, max_position_embeddings=LENGTH, projection_dim=width,
            bos_token_id=tokens - 2, eos_token_id=tokens - 1, pad_token_id=tokens - 1,
        ))  # fmt: skip
        self.unet = UNet2DConditionModel(
            sample_size=16, in_channels=latents, out_channels=latents, layers_per_block=1,
            block_out_channels=config.widths,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=4, cross_attention_dim=width, norm_num_groups=16,
        )  # fmt: skip
        self.to_parts = nn.Conv2d(config.widths[1], parts, 1)

    def forward(
        self, noisy: Latents, t: Int[Tensor, " batch"], tokens: Int[Tensor, "batch length"]
    ) -> tuple[Latents, Float[Tensor, "batch parts rows columns"]]:
        """The velocity of noisy latents, and logits of what is where."""
        activations: list[Tensor] = []
        hook = self.unet.up_blocks[0].register_forward_hook(lambda *called: activations.append(called[-1]))
        velocity = self.unet(noisy, t, self.text(tokens).last_hidden_state).sample
        hook.remove()
        return velocity, self.to_parts(activations[0])


def train_teacher(
    config: TeacherTraining,
    pictures: Pictures,
    vit: Vit,
    folder: Path,
    work: Path,
    checkpoints: Callable[[str], Checkpoints],
) -> None:
    """Write a `StableDiffusionPipeline` folder; what is already in `work` is not learnt again.

    The autoencoder keeps what `vit` sees. `checkpoints` gives each of the three trainings their own: autoencoder,
    decoder, denoiser.
    """
    from diffusers import AutoencoderKL
    from transformers import CLIPTokenizer

    vae_folder, words = work / "vae", work / "tokenizer"
    if not (vae_folder / "config.json").exists():
        train_autoencoder(config.autoencoder, pictures, vit, vae_folder, checkpoints("autoencoder"))
    polish_decoder(config.autoencoder, pictures, vit, vae_folder, checkpoints("decoder"))
    vae = AutoencoderKL.from_pretrained(vae_folder, local_files_only=True)
    write_vocabulary(WORDS.split(), words)
    tokenizer = CLIPTokenizer.from_pretrained(words, local_files_only=True)
    torch.manual_seed(config.recipe.seed)
    network = Denoiser(config, len(tokenizer), len(merged_parts()[0]))
    seen = f"{digest(str(vae_folder), None)[:16]}-{sha256(pictures.image).hexdigest()[:16]}"
    latent = _load_latents(vae, pictures, work / f"latents-{seen}.pt")
    loss = DenoisingLoss(config, network, tokenizer, pictures, latent)
    average = train_network(network, loss, config.recipe, checkpoints("denoiser"))
    write_pipeline(average, vae, words, folder)


class DenoisingLoss:
    """Squared error of the velocity, with less weight on low noise (min-SNR-5, Hang et al. 2023), and of the parts."""

    def __init__(
        self,
        config: TeacherTraining,
        network: Denoiser,
        tokenizer: "CLIPTokenizer",
        pictures: Pictures,
        latent: Float[Tensor, "both channels rows columns"],
    ) -> None:
        """`latent`: those of the pictures, then those of their mirror images."""
        from diffusers.models.attention_processor import AttnProcessor

        self.config, self.network, self.tokenizer = config, network, tokenizer
        self.pictures, self.latent = pictures, latent
        self.alphas = noise_schedule().alphas_cumprod
        names, self.table = merged_parts()
        self.balance = part_weights(self.table[pictures.part[::16]], len(names))
        # Plain attention has a backward pass several times faster than PyTorch's fused one on a CPU.
        network.unet.set_attn_processor(AttnProcessor())

    def __call__(self, step: int, generator: torch.Generator) -> Float[Tensor, ""]:
        """The loss of one random batch."""
        batch = self.config.recipe.batch
        pick = torch.randint(len(self.latent), (batch,), generator=generator)
        clean = self.latent[pick].float()
        t = torch.randint(len(self.alphas), (batch,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        words = Random(int(torch.randint(2**31, (), generator=generator)))
        captions = [self._caption(index, words) for index in (pick % len(self.pictures)).tolist()]
        tokens = self.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
        alpha = self.alphas[t].view(-1, 1, 1, 1)
        signal, sigma = alpha.sqrt(), (1 - alpha).sqrt()
        noisy, velocity = signal * clean + sigma * noise, signal * noise - sigma * clean
        with bf16_autocast():
            predicted, logits = (each.float() for each in self.network(noisy, t, tokens))
        weight = (5 * (1 - alpha)).clamp(max=1)  # 1 / (SNR + 1) is 1 - alpha
        error = (weight * (predicted - velocity).square()).mean()
        return error + self.config.parts * soft_part_cross_entropy(logits, self.parts(pick), self.balance)

    def parts(self, pick: Int[Tensor, " batch"]) -> Int[Tensor, "batch height width"]:
        """What is where in these pictures and, from their number on, in their mirror images."""
        part = torch.from_numpy(self.table[self.pictures.part[(pick % len(self.pictures)).numpy()]]).long()
        return torch.where((pick >= len(self.pictures))[:, None, None], part.flip(-1), part)

    def _caption(self, index: int, words: Random) -> str:
        return "" if words.random() < self.config.empty else reword(str(self.pictures.caption[index]), words)


def reword(caption: str, words: Random) -> str:
    """The caption, or half of the time a shorter way to say part of it."""
    who, view, doing = caption.split(", ")
    if view == "back view" and words.random() < 0.2:
        view = "walking away from the camera"
    form = words.random()
    if form < 0.5:
        return f"{who}, {view}, {doing}"
    plain = f"a {who.split()[-1]}"
    if form < 0.7:
        return f"{plain}, {view}"
    if form < 0.75:
        return plain
    return ", ".join([words.choice((who, plain)), *(part for part in (view, doing) if words.random() < 0.6)])


def noise_schedule() -> "DDIMScheduler":
    """The teacher's noise levels and sampler."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=True, steps_offset=1, prediction_type="v_prediction", rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )  # fmt: skip


def write_pipeline(network: nn.Module, vae: "AutoencoderKL", words: Path, folder: Path) -> None:
    """The pipeline in half precision, moved into place whole."""
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(words, local_files_only=True)
    # The path that it was loaded from does not belong into a published folder.
    vae.register_to_config(_name_or_path="")
    pipeline = StableDiffusionPipeline(
        vae, network.text, tokenizer, network.unet, noise_schedule(), None, None, requires_safety_checker=False
    )
    with replace_folder(folder) as place:
        pipeline.to(dtype=torch.float16).save_pretrained(place, safe_serialization=True)
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(words / name, place / "tokenizer" / name)
        _load_in_float32(place / "text_encoder" / "config.json")
        write_part_digests(place, "vae", "unet", "text_encoder", "tokenizer")


def _load_in_float32(settings: Path) -> None:
    """Transformers loads a text encoder as its settings say, diffusers loads everything beside it in float32."""
    said = json.loads(settings.read_text())
    settings.write_text(json.dumps({**said, "dtype": "float32"}, indent=2) + "\n")


def _load_latents(vae: "AutoencoderKL", pictures: Pictures, path: Path) -> Tensor:
    """Latents of all pictures, then of their mirror images, from `path` if they are there."""
    if not path.exists():
        both = pictures.image, np.ascontiguousarray(pictures.image[:, :, ::-1])
        partial = path.with_suffix(".partial")
        torch.save(torch.cat([latents(vae, images) for images in both]), partial)
        partial.replace(path)
    return torch.load(path, weights_only=True)
