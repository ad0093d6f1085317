"""Published text-to-image models as their files describe them, with random weights: for timing, and as patterns."""

# The libraries' types are too loose to check against.
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    PNDMScheduler,
    SchedulerMixin,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

Settings = dict[str, Any]
VAE: Settings = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "norm_num_groups": 32,
}
DIFFUSION: Settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
TEXT: Settings = {"vocab_size": 49408, "max_position_embeddings": 77}
VIT_L = TEXT | {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "projection_dim": 768, "hidden_act": "quick_gelu",
}  # fmt: skip


@dataclass(frozen=True)
class Published:
    """The settings in `unet/config.json` and its neighbours."""

    unet: Settings
    vae: Settings
    texts: tuple[Settings, ...]
    scheduler: type[SchedulerMixin]
    diffusion: Settings


SD15 = Published(
    unet={"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    vae=VAE | {"scaling_factor": 0.18215, "force_upcast": False},
    texts=(VIT_L,),
    scheduler=PNDMScheduler,
    diffusion=DIFFUSION | {"skip_prk_steps": True, "set_alpha_to_one": False},
)
SD21 = Published(
    unet={
        "sample_size": 96, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True, "upcast_attention": True,
    },
    vae=VAE | {"scaling_factor": 0.18215, "force_upcast": False},
    texts=(
        TEXT | {
            "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16,
            "projection_dim": 512, "hidden_act": "gelu",
        },
    ),
    scheduler=DDIMScheduler,
    diffusion=DIFFUSION | {"prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": False},
)  # fmt: skip
SDXL = Published(
    unet={
        "sample_size": 128, "cross_attention_dim": 2048, "attention_head_dim": (5, 10, 20),
        "block_out_channels": (320, 640, 1280), "use_linear_projection": True,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10), "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
    },
    vae=VAE | {"scaling_factor": 0.13025, "force_upcast": True},
    texts=(
        VIT_L,
        TEXT | {
            "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
            "projection_dim": 1280, "hidden_act": "gelu",
        },
    ),
    scheduler=EulerDiscreteScheduler,
    diffusion=DIFFUSION,
)  # fmt: skip
MODELS = {"sd15": SD15, "sd21": SD21, "sdxl": SDXL}


def unet(model: Published) -> UNet2DConditionModel:
    """The denoiser."""
    return UNet2DConditionModel(**model.unet)


def texts(model: Published, **tokens: int) -> list[CLIPTextModel | CLIPTextModelWithProjection]:
    """The text encoders; of XL's two the second gives the pooled words."""
    kinds = (CLIPTextModel, CLIPTextModelWithProjection)
    return [kind(CLIPTextConfig(**text | tokens)) for kind, text in zip(kinds, model.texts, strict=False)]


def assembled(model: Published, words: Path) -> DiffusionPipeline:
    """A pipeline with random weights, whose tokenizer has the vocabulary in `words`, and without a safety checker."""
    tokenizer = CLIPTokenizer.from_pretrained(words, model_max_length=77)
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    first, *second = texts(model, bos_token_id=start, eos_token_id=end, pad_token_id=end)
    parts = {"vae": AutoencoderKL(**model.vae), "text_encoder": first, "tokenizer": tokenizer, "unet": unet(model)}
    parts |= {"scheduler": model.scheduler(**model.diffusion)}
    if second:
        return StableDiffusionXLPipeline(**parts, text_encoder_2=second[0], tokenizer_2=tokenizer)
    return StableDiffusionPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )  # fmt: skip
