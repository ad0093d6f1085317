"""Pictures from a frozen text-to-image model, and its opinion of others' pictures (Rombach et al. 2022).

Any `diffusers` StableDiffusionPipeline does: a folder such as `weights/teacher`, or a hub id such as
`stable-diffusion-v1-5/stable-diffusion-v1-5`. Both take exactly the same path.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportReturnType=false

from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from models.config import Config
from models.errors import MissingPackage
from models.weights import digest, explained, locate, without_bars

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

Latents = Float[Tensor, "batch channels rows columns"]
PREDICTIONS = ("epsilon", "v_prediction")


class StableDiffusionConfig(Config):
    """Which model, and how it is sampled."""

    kind: Literal["stable_diffusion"] = "stable_diffusion"
    model: str = Field(default="weights/teacher", description="folder or hub id of a diffusers StableDiffusionPipeline")
    revision: str | None = Field(default=None, description="commit or tag of a hub model")
    steps: int = Field(default=25, gt=0, description="denoising steps per picture")
    guidance: float = Field(
        default=2.0, ge=1, description="classifier-free guidance; 1 is none, the full model likes 7.5"
    )
    size: int = Field(default=128, ge=64, multiple_of=8, description="pixels along an edge; 512 for the full model")
    batch: int = Field(default=16, ge=1, description="pictures made at once")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="number format of the weights"
    )

    def digest(self) -> str:
        """What the photos depend on besides this config: the bytes of a folder, or a hub id at a revision."""
        return digest(locate(self.model), self.revision)

    def build(self, device: torch.device) -> "StableDiffusion":
        """Raises MissingWeights where the model is absent or broken, MissingPackage without diffusers."""
        try:
            from diffusers import StableDiffusionPipeline
        except ImportError as error:
            raise MissingPackage("the generator needs diffusers: pip install diffusers transformers") from error
        model = locate(self.model)
        without_bars()
        with explained(model, "the text-to-image model"):
            pipeline = StableDiffusionPipeline.from_pretrained(
                model, revision=self.revision, dtype=getattr(torch, self.dtype), use_safetensors=True
            )
            if pipeline.scheduler.config.prediction_type not in PREDICTIONS:
                raise ValueError(f"prediction_type is {pipeline.scheduler.config.prediction_type}, not {PREDICTIONS}")
        return StableDiffusion(self, pipeline.to(device), self.digest())


class StableDiffusion:
    """A loaded pipeline; makes photos, and teaches by score distillation."""

    def __init__(self, config: StableDiffusionConfig, pipeline: "StableDiffusionPipeline", digest: str = "") -> None:
        """The weights are frozen here."""
        self.config, self.pipeline, self.digest = config, pipeline, digest
        pipeline.set_progress_bar_config(disable=True)
        for part in (pipeline.vae, pipeline.unet, pipeline.text_encoder):
            part.requires_grad_(False).eval()
        self.alphas_cumprod: Float[Tensor, " times"] = pipeline.scheduler.alphas_cumprod.to(pipeline.device)
        self._embeddings: dict[str, Tensor] = {}

    def generate(self, prompts: list[str], seeds: list[int]) -> UInt8[ndarray, "count size size 3"]:
        """One photo per prompt. Its noise depends on its own seed alone, not on the batch it is made in."""
        if len(prompts) != len(seeds) or not prompts:
            raise ValueError(f"{len(prompts)} prompts came with {len(seeds)} seeds; give one seed to each of 1 or more")
        photos = [
            self._batch(prompts[start : start + self.config.batch], seeds[start : start + self.config.batch])
            for start in range(0, len(prompts), self.config.batch)
        ]
        return (torch.cat(photos) * 255).round().byte().numpy()

    def _batch(self, prompts: list[str], seeds: list[int]) -> Float[Tensor, "batch size size 3"]:
        made = self.pipeline(
            prompts,
            height=self.config.size,
            width=self.config.size,
            num_inference_steps=self.config.steps,
            guidance_scale=self.config.guidance,
            # On the CPU whatever the device, so that a seed means the same photo everywhere.
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            output_type="np",
        )
        return torch.from_numpy(made.images)

    def encode(self, images: Float[Tensor, "batch height width 3"]) -> Latents:
        """Scaled latents of pictures in [0, 1], with gradient to them; brought to the model's size first."""
        vae, size = self.pipeline.vae, self.config.size
        pictures = images.permute(0, 3, 1, 2)
        if pictures.shape[-2:] != (size, size):
            pictures = interpolate(pictures, (size, size), mode="bilinear", align_corners=False)
        found = vae.encode((pictures * 2 - 1).to(vae.dtype))
        # A tiny autoencoder has latents, a variational one a distribution of them.
        latents = found.latents if hasattr(found, "latents") else found.latent_dist.mean
        return (latents * vae.config.scaling_factor).to(images)

    @torch.no_grad()
    def predict_noise(self, latents: Latents, t: Int[Tensor, " batch"], prompts: list[str], guidance: float) -> Latents:
        """Guided estimate of the noise in noisy latents, from one call on the doubled batch."""
        unet = self.pipeline.unet
        words = torch.cat([self._embedding(""), *map(self._embedding, prompts)])
        words = torch.cat((words[:1].expand(len(prompts), -1, -1), words[1:]))
        answer = unet(latents.repeat(2, 1, 1, 1).to(unet.dtype), t.repeat(2), words).sample.to(latents)
        plain, worded = answer.chunk(2)
        guided = plain + guidance * (worded - plain)
        if self.pipeline.scheduler.config.prediction_type == "epsilon":
            return guided
        alpha = self.alphas_cumprod.to(latents)[t].view(-1, 1, 1, 1)
        return alpha.sqrt() * guided + (1 - alpha).sqrt() * latents

    @torch.no_grad()
    def _embedding(self, prompt: str) -> Float[Tensor, "1 length width"]:
        if prompt not in self._embeddings:
            tokenizer, encoder = self.pipeline.tokenizer, self.pipeline.text_encoder
            length = tokenizer.model_max_length
            tokens = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
            self._embeddings[prompt] = encoder(tokens.input_ids.to(encoder.device)).last_hidden_state
        return self._embeddings[prompt]
