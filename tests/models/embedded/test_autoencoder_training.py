from dataclasses import replace

import numpy as np
import torch
from diffusers import AutoencoderKL

from models.embedded.autoencoder_training import (
    AutoencoderTraining,
    difference,
    latents,
    perceptual_distance,
    polish_decoder,
    round_trip,
    sample_crops,
    train_autoencoder,
)
from models.embedded.fitting import FitConfig
from models.engine.loop import NoCheckpoints

TINY = AutoencoderTraining(
    widths=(8, 8, 8, 16), crop=32, recipe=FitConfig(steps=15, batch=4, rate=5e-3), polish=FitConfig(steps=5, batch=4)
)


def error(folder, images):
    vae = AutoencoderKL.from_pretrained(folder)
    picture = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        return (vae.decode(vae.encode(picture).latent_dist.mean).sample - picture).abs().mean().item()


def test_it_learns_and_the_decoder_learns_on_without_moving_the_latents(pictures, vit, tmp_path):
    train_autoencoder(TINY, pictures, vit, tmp_path / "vae", NoCheckpoints())
    vae = AutoencoderKL.from_pretrained(tmp_path / "vae")
    before, first = latents(vae, pictures.image), error(tmp_path / "vae", pictures.image)
    assert before.shape == (6, 16, 8, 8) and abs(before.float().std() - 1) < 0.1
    assert first < 0.6
    back = round_trip(vae, pictures.image, batch=4)
    assert back.shape == pictures.image.shape and back.dtype == pictures.image.dtype
    assert abs(back / 127.5 - pictures.image / 127.5).mean() < 1.1 * first
    polish_decoder(TINY, pictures, vit, tmp_path / "vae", NoCheckpoints())
    assert torch.equal(latents(AutoencoderKL.from_pretrained(tmp_path / "vae"), pictures.image), before)
    assert error(tmp_path / "vae", pictures.image) != first


def test_the_difference_of_equal_pictures_is_nothing_and_edges_count():
    picture = torch.rand(1, 3, 16, 16)
    assert difference(picture, picture, 1.0) == 0
    # A constant shift has no edges; a checkerboard has little else.
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 0.2 - 0.1
    shifted, checked = difference(picture + 0.1, picture, 1.0), difference(picture + board, picture, 1.0)
    assert torch.isclose(shifted, difference(picture + 0.1, picture, 0.0), atol=1e-5)
    assert checked > 1.5 * difference(picture + board, picture, 0.0)


def test_tokens_of_equal_pictures_are_equal_and_only_the_first_learns(vit):
    one, other = torch.rand(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert perceptual_distance(vit, one, one) == 0
    one.requires_grad_(True)
    other.requires_grad_(True)
    distance = perceptual_distance(vit, one, other)
    distance.backward()
    assert distance > 0 and one.grad.abs().sum() > 0 and other.grad is None


def test_every_second_crop_shows_a_keypoint(pictures):
    # Photos that are black but for white keypoints: a crop around one of them is not all black.
    marked = np.zeros_like(pictures.image)
    for photo, points in zip(marked, pictures.keypoints, strict=True):
        columns, rows = ((points[:, axis] + 1) / 2 * 64 for axis in (0, 1))
        photo[rows.clip(0, 63).astype(int), columns.clip(0, 63).astype(int)] = 255
    config = AutoencoderTraining(crop=32)
    for seed in range(20):
        crops = sample_crops(replace(pictures, image=marked), config, 8, torch.Generator().manual_seed(seed))
        assert crops.shape == (8, 3, 32, 32) and (crops[1::2].amax((1, 2, 3)) == 1).all()
