"""A frozen text-to-image model: it generates pictures, and it estimates noise for score distillation (SDS).

A folder such as `weights/teacher`, or a hub id such as `stable-diffusion-v1-5/stable-diffusion-v1-5`. Both take exactly
the same path; the kind is read from their `model_index.json`. A text-to-image pipeline of `diffusers` with an
autoencoder and guidance generates; Stable Diffusion 1, 2 (Rombach et al. 2022) and XL (Podell et al. 2023) also teach.
"""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false, reportReturnType=false

import logging
from copy import deepcopy
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import interpolate

from models.core import weights
from models.core.config import Config
from models.core.errors import MissingPackage
from models.core.hub import read_settings
from models.data.parts import normal_noise
from models.generators.provenance import Sampling
from models.generators.samplers import sampler_class

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

logger = logging.getLogger(__name__)

Latents = Float[Tensor, "batch channels rows columns"]
Embeddings = Float[Tensor, "prompts tokens width"]
Pooled = Float[Tensor, "prompts numbers"]
DISTILLABLE = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Pipelines whose U-Net can be asked for noise."""
PREDICTIONS = ("epsilon", "v_prediction")
"""What such a U-Net may predict."""
LARGE_PX = 512
"""Above it the autoencoder decodes one picture at a time: it, not the U-Net, would run out of memory first."""


class StableDiffusionConfig(Config):
    """Which model, and how it is sampled."""

    kind: Literal["stable_diffusion"] = "stable_diffusion"
    model: str = Field(default="weights/teacher", description="folder or hub id of a diffusers text-to-image pipeline")
    revision: str | None = Field(default=None, description="commit or tag of a hub model")
    variant: str = Field(default="", description="which files of weights to take, such as fp16; empty: the plain ones")
    sampler: str = Field(
        default="",
        description="class of a diffusers scheduler, such as DPMSolverMultistepScheduler; empty: the model's own",
    )
    steps: int = Field(default=25, gt=0, description="denoising steps per picture")
    guidance: float = Field(
        default=2.0, ge=0, description="classifier-free guidance; 0 or 1 is none, as turbo models want; SD likes 7.5"
    )
    negative_prompt: str = Field(default="", description="what pictures are guided away from")
    unsafe: Literal["drop", "keep"] = Field(
        default="drop",
        description="pictures that the model's own safety checker flags; drop: they come black, for the image rules",
    )
    size: int = Field(default=128, ge=64, multiple_of=8, description="pixels along an edge; 512 for the full model")
    batch: int = Field(default=16, ge=1, description="pictures made at once, if the memory holds so many")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="number format of the weights"
    )

    @model_validator(mode="after")
    def _guided(self) -> "StableDiffusionConfig":
        if self.negative_prompt and self.guidance <= 1:
            raise ValueError(f"has a negative_prompt, which guidance {self.guidance} ignores; drop it, or guide by > 1")
        return self

    @property
    def sampling(self) -> Sampling:
        """What rows and cards say of it."""
        return Sampling(self.model, self.steps, self.guidance, self.negative_prompt)

    def digest(self) -> str:
        """What the photos depend on besides this config: the bytes of a folder, or a hub id at a revision."""
        return weights.digest(weights.locate(self.model), self.revision)

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where the model cannot be had, ValueError where it cannot draw as configured."""
        import diffusers
        from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

        index = read_settings(self.model, self.revision, "model_index.json")
        kind, known = index["_class_name"], AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()
        pipeline = next((each for each in known if each.__name__ == kind), None)
        if pipeline is None or "vae" not in index or "guidance_scale" not in signature(pipeline.__call__).parameters:
            raise ValueError(
                f"generator.model {self.model} is a {kind}; draw with a text-to-image pipeline that diffusers "
                f"{diffusers.__version__} knows, with an autoencoder and a guidance scale: Stable Diffusion, SD3, Flux"
            )
        if self.sampler:
            sampler_class(self.sampler, getattr(diffusers, index["scheduler"][1])())

    def check_distillable(self) -> None:
        """Raises ValueError for a model that can draw but not teach, MissingWeights where it cannot be had."""
        kind = read_settings(self.model, self.revision, "model_index.json")["_class_name"]
        schedule = read_settings(self.model, self.revision, "scheduler/scheduler_config.json")
        _check_distillable(self.model, kind, schedule.get("prediction_type", PREDICTIONS[0]))

    def build(self, device: torch.device) -> "StableDiffusion":
        """Raises MissingWeights where the model is absent, broken or mixed, MissingPackage without diffusers."""
        try:
            from diffusers import AutoPipelineForText2Image
        except ImportError as error:
            raise MissingPackage("the generator needs diffusers: pip install diffusers transformers") from error
        model = weights.locate(self.model)
        weights.disable_progress_bars()
        revision = weights.pin_revision(model, self.revision)
        with weights.report_missing_weights(f"{model}@{revision}" if revision else model, "the text-to-image model"):
            without: dict[str, Any] = {}
            if self.unsafe == "keep":
                index: Any = AutoPipelineForText2Image.load_config(model, revision=revision)
                if "safety_checker" in index:
                    without = {"safety_checker": None, "requires_safety_checker": False}
            pipeline = AutoPipelineForText2Image.from_pretrained(
                model,
                revision=revision,
                variant=self.variant or None,
                dtype=getattr(torch, self.dtype),
                use_safetensors=True,
                **without,
            )
        weights.check_part_digests(Path(model))
        return StableDiffusion(self, pipeline.to(device), self.digest())


class StableDiffusion:
    """A loaded pipeline: generates photos, and estimates noise for score distillation."""

    def __init__(self, config: StableDiffusionConfig, pipeline: "DiffusionPipeline", digest: str = "") -> None:
        """The weights are frozen here. Raises ValueError if the sampler is not one for this model."""
        self.config, self.pipeline, self.digest = config, pipeline, digest
        self.batch = config.batch
        """Pictures made at once: as configured, until the memory did not hold them."""
        self.schedule = pipeline.scheduler
        """The model's own noise levels, whichever sampler walks through them."""
        if config.sampler:
            own = pipeline.scheduler
            pipeline.scheduler = sampler_class(config.sampler, own).from_config(own.config)
        if config.size > LARGE_PX:
            pipeline.vae.enable_slicing()
        pipeline.set_progress_bar_config(disable=True)
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                part.requires_grad_(False).eval()
        self._encoded: dict[str, tuple[Embeddings | Pooled, ...]] = {}

    @property
    def sampler(self) -> str:
        """Name of the class that walks through the noise levels."""
        return type(self.pipeline.scheduler).__name__

    def generate(self, prompts: list[str], seeds: list[int]) -> UInt8[ndarray, "count size size 3"]:
        """One photo per prompt. Its noise depends on its own seed alone, not on the batch it is made in."""
        if len(prompts) != len(seeds) or not prompts:
            raise ValueError(f"{len(prompts)} prompts came with {len(seeds)} seeds; give one seed to each of 1 or more")
        photos: list[Tensor] = []
        while len(photos) < len(prompts):
            batch = slice(len(photos), len(photos) + self.batch)
            photos.extend(self._generate_within_memory(prompts[batch], seeds[batch]))
        return (torch.stack(photos) * 255).round().byte().numpy()

    def _generate_within_memory(self, prompts: list[str], seeds: list[int]) -> Float[Tensor, "batch size size 3"]:
        """The first of these photos, as many as the memory holds: half as many as before where it did not."""
        try:
            return self._batch(prompts, seeds)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(prompts) == 1:
                raise RuntimeError(
                    f"one picture of generator.size {self.config.size} px in {self.config.dtype} runs out of memory "
                    f"on {self.pipeline.device}; make it smaller, or choose dtype bfloat16"
                ) from error
        # Only here the error is gone, and with it the tensors that its traceback held.
        torch.cuda.empty_cache()
        # Where SDXL died while decoding, diffusers has left its autoencoder in float32.
        self.pipeline.vae.to(getattr(torch, self.config.dtype))
        self.batch = len(prompts) // 2
        logger.warning("out of memory with %d pictures at once; going on with %d", len(prompts), self.batch)
        return self._generate_within_memory(prompts[: self.batch], seeds[: self.batch])

    def _batch(self, prompts: list[str], seeds: list[int]) -> Float[Tensor, "batch size size 3"]:
        against = self.config.negative_prompt
        output = self.pipeline(
            prompts,
            height=self.config.size,
            width=self.config.size,
            num_inference_steps=self.config.steps,
            guidance_scale=self.config.guidance,
            # On the CPU whatever the device, so that a seed means the same photo everywhere.
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            output_type="np",
            **({"negative_prompt": [against] * len(prompts)} if against else {}),
        )
        return torch.from_numpy(output.images)

    @cached_property
    def alphas_cumprod(self) -> Float[Tensor, " times"]:
        """The share of signal at each noise level. Raises ValueError for a model that cannot be distilled."""
        predicts = self.schedule.config.get("prediction_type") if hasattr(self.schedule, "alphas_cumprod") else None
        _check_distillable(self.config.model, type(self.pipeline).__name__, predicts)
        return self.schedule.alphas_cumprod.to(self.pipeline.device)

    def encode(
        self,
        images: Float[Tensor, "batch height width 3"],
        sample: bool = False,
        generator: torch.Generator | None = None,
    ) -> Latents:
        """Scaled latents of pictures in [0, 1], with gradient to them; brought to the model's size first.

        The mean of the autoencoder's posterior, or a sample of it drawn from `generator`.
        """
        vae, size = self._autoencoder, self.config.size
        pictures = images.permute(0, 3, 1, 2)
        if pictures.shape[-2:] != (size, size):
            pictures = interpolate(pictures, (size, size), mode="bilinear", align_corners=False)
        output = vae.encode((pictures * 2 - 1).to(vae.dtype))
        # A tiny autoencoder has latents, a variational one a distribution of them.
        latents = output.latents if hasattr(output, "latents") else output.latent_dist.mean
        if sample and hasattr(output, "latent_dist"):
            latents = latents + output.latent_dist.std * normal_noise(latents, generator, latents.dtype)
        return (latents * vae.config.scaling_factor).to(images)

    @torch.no_grad()
    def predict_noise(self, latents: Latents, t: Int[Tensor, " batch"], prompts: list[str], guidance: float) -> Latents:
        """Guided estimate of the noise in noisy latents, from one call on the doubled batch."""
        unet = self.pipeline.unet
        words, more = self._conditions(prompts)
        answer = unet(latents.repeat(2, 1, 1, 1).to(unet.dtype), t.repeat(2), words, added_cond_kwargs=more).sample
        plain, worded = answer.to(latents).chunk(2)
        guided = plain + guidance * (worded - plain)
        if self.schedule.config.prediction_type == "epsilon":
            return guided
        alpha = self.alphas_cumprod.to(latents)[t].view(-1, 1, 1, 1)
        return alpha.sqrt() * guided + (1 - alpha).sqrt() * latents

    def _conditions(self, prompts: list[str]) -> tuple[Embeddings, dict[str, Pooled] | None]:
        """Embeddings of as many empty prompts, then of the prompts; XL's U-Net also takes pooled ones and sizes."""
        worded, plain, *pooled = (torch.cat(parts) for parts in zip(*map(self._embeddings, prompts), strict=True))
        words = torch.cat((plain, worded))
        if not pooled:
            return words, None
        size = (self.config.size, self.config.size)
        width = self.pipeline.text_encoder_2.config.projection_dim
        sizes = self.pipeline._get_add_time_ids(size, (0, 0), size, words.dtype, width).to(words.device)
        return words, {"text_embeds": torch.cat(pooled[::-1]), "time_ids": sizes.repeat(len(words), 1)}

    @torch.no_grad()
    def _embeddings(self, prompt: str) -> tuple[Embeddings | Pooled, ...]:
        """Embeddings of the prompt and of the empty one; with two text encoders also both of them pooled."""
        if prompt not in self._encoded:
            self._encoded[prompt] = self.pipeline.encode_prompt(
                prompt=prompt,
                device=self.pipeline.device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=True,
            )
        return self._encoded[prompt]

    @cached_property
    def _autoencoder(self) -> torch.nn.Module:
        """The model's own; for SDXL in float16, where it overflows, a copy in float32."""
        vae = self.pipeline.vae
        overflows = type(self.pipeline).__name__ == DISTILLABLE[1] and vae.dtype == torch.float16
        return deepcopy(vae).float() if overflows and vae.config.force_upcast else vae


def _check_distillable(model: str, kind: str, predicts: str | None) -> None:
    if kind not in DISTILLABLE or predicts not in PREDICTIONS:
        raise ValueError(
            f"{model} is a {kind} that predicts {predicts}; distillation needs {' or '.join(DISTILLABLE)} and "
            f"{' or '.join(PREDICTIONS)}: choose another model to teach, or method magicpony"
        )


def _is_out_of_memory(error: Exception) -> bool:
    """Whether the memory of the GPU or of the machine did not suffice."""
    messages = ("not enough memory", "can't allocate memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        message in str(error) for message in messages
    )
