"""Folders of the published architectures with a sixteenth of the channels and random weights."""

from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from benchmarks.published import MODELS, assembled
from models.embedded.autoencoder_training import AutoencoderTraining
from models.embedded.teacher_training import WORDS, Denoiser, TeacherTraining, write_pipeline
from models.embedded.vocabulary import write_vocabulary

NARROWER = 16
WIDTHS = {
    "block_out_channels", "cross_attention_dim", "addition_time_embed_dim", "projection_class_embeddings_input_dim",
    "hidden_size", "intermediate_size", "projection_dim",
}  # fmt: skip


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    place = tmp_path_factory.mktemp("words")
    write_vocabulary(WORDS.split(), place)
    return place


@pytest.fixture(scope="session", params=list(MODELS))
def published(request, words, tmp_path_factory):
    """The folder of each of the three models in turn."""
    return written(request.param, words, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def folder(words, tmp_path_factory):
    """A folder as the embedded teacher's, with random weights: for what does not depend on the model."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("teacher") / "pipeline"
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4, layers_per_block=1, scaling_factor=0.5,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    tokens = len(CLIPTokenizer.from_pretrained(words))
    config = TeacherTraining(autoencoder=AutoencoderTraining(latents=4), text_width=32, text_layers=1, widths=(16, 32))
    write_pipeline(Denoiser(config, tokens, 1), vae, words, place)
    return place


def written(name, words, folder):
    torch.manual_seed(0)
    assembled(narrow(MODELS[name], len(CLIPTokenizer.from_pretrained(words))), words).save_pretrained(folder)
    return folder


def narrow(model, tokens):
    unet = {"block_out_channels": (320, 640, 1280, 1280)} | model.unet
    if unet["attention_head_dim"] == 8:  # heads, of which 20 channels have 4
        unet["attention_head_dim"] = 4
    return replace(
        model,
        unet=narrowed(unet) | {"norm_num_groups": 4},
        vae=narrowed(model.vae) | {"norm_num_groups": 4},
        texts=tuple(narrowed(text) | {"vocab_size": tokens} for text in model.texts),
    )


def narrowed(settings):
    def less(value):
        return tuple(map(less, value)) if isinstance(value, tuple) else value // NARROWER

    return {name: less(value) if name in WIDTHS else value for name, value in settings.items()}
