import json
from dataclasses import replace
from random import Random

import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from models.embedded.autoencoder_training import AutoencoderTraining, latents
from models.embedded.fitting import FitConfig
from models.embedded.part_loss import merged_parts
from models.embedded.teacher_training import (
    Denoiser,
    DenoisingLoss,
    TeacherTraining,
    noise_schedule,
    reword,
    train_teacher,
)
from models.engine.loop import NoCheckpoints
from models.generators import StableDiffusionConfig

ONE = FitConfig(steps=2, batch=4)
TINY = TeacherTraining(
    autoencoder=AutoencoderTraining(widths=(8, 8, 8, 16), crop=32, recipe=ONE, polish=ONE),
    text_width=32, text_layers=1, widths=(16, 32), recipe=ONE,
)  # fmt: skip


def test_a_whole_pipeline_comes_out_and_draws(pictures, vit, tmp_path):
    train_teacher(TINY, pictures, vit, tmp_path / "teacher", tmp_path / "work", lambda _: NoCheckpoints())
    index = json.loads((tmp_path / "teacher" / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert {path.name for path in (tmp_path / "teacher" / "tokenizer").iterdir()} >= {"vocab.json", "merges.txt"}
    assert not any(str(tmp_path) in path.read_text() for path in (tmp_path / "teacher").rglob("*.json"))
    teacher = StableDiffusionConfig(model=str(tmp_path / "teacher"), steps=1, size=64).build(torch.device("cpu"))
    assert teacher.generate(["a cow, back view"], [0]).shape == (1, 64, 64, 3)


def test_a_mirror_image_is_denoised_by_its_own_parts_and_latents(pictures, vit, tmp_path):
    mirrored = replace(pictures, image=pictures.image[:, :, ::-1].copy(), part=pictures.part[:, :, ::-1].copy())
    count, work = len(pictures), tmp_path / "work"
    train_teacher(TINY, pictures, vit, tmp_path / "teacher", work, lambda _: NoCheckpoints())
    vae = AutoencoderKL.from_pretrained(work / "vae")
    (stored,) = work.glob("latents-*.pt")
    latent = torch.load(stored)
    assert torch.equal(latent[count:], latents(vae, mirrored.image))
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    network = Denoiser(TINY, len(tokenizer), len(merged_parts()[0]))
    plain, other = (DenoisingLoss(TINY, network, tokenizer, each, latent) for each in (pictures, mirrored))
    every = torch.arange(2 * count)
    assert torch.equal(plain.parts(every), other.parts(every).roll(count, 0))
    assert not torch.equal(plain.parts(every[:count]), plain.parts(every[count:]))


def test_shorter_captions_say_nothing_that_is_not_true():
    caption = "a black and white cow, back view, walking on snow"
    said = {reword(caption, Random(seed)) for seed in range(300)}
    words = set(f"{caption} away from the camera".replace(",", "").split())
    assert all(set(each.replace(",", "").split()) <= words for each in said)
    assert {"a cow", "a cow, back view", caption, "a cow, walking away from the camera"} <= said


def test_only_the_back_walks_away():
    caption = "a white sheep, side view, standing on grass"
    assert not any("away" in reword(caption, Random(seed)) for seed in range(300))


def test_the_last_level_is_pure_noise_and_the_first_nearly_none():
    alphas = noise_schedule().alphas_cumprod
    assert alphas[-1] < 1e-6 and alphas[0] > 0.99


def test_parts_are_read_half_way_up_and_teach_what_lies_before():
    torch.manual_seed(0)
    network = Denoiser(TINY, 20, 5)
    velocity, parts = network(torch.randn(2, 16, 8, 8), torch.tensor([5, 900]), torch.zeros(2, 16, dtype=torch.long))
    assert velocity.shape == (2, 16, 8, 8) and parts.shape == (2, 5, 8, 8)
    parts.square().mean().backward()
    taught = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert any("mid_block" in name for name in taught) and any(name.startswith("text") for name in taught)
    assert not any("up_blocks.1" in name or "conv_out" in name for name in taught)
