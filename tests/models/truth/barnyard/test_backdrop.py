from math import radians

import numpy as np
import pytest
import torch

from models.geometry.cameras import FOV, look_at
from models.truth.barnyard.backdrop import PLACES, SHADOW_CELLS, SHADOW_REACH, cast_shadow, paint, sample_backdrop

NO_SHADOW = np.zeros((SHADOW_CELLS, SHADOW_CELLS), np.float32)


def picture(backdrop, elevation_deg, size=64):
    camera = look_at(torch.tensor([0.4]), torch.tensor([radians(elevation_deg)]))
    return paint(backdrop, camera.T_camera_world[0, :3, :3].numpy(), camera.position[0].numpy(), FOV, size)


@pytest.mark.parametrize("place", PLACES)
def test_backgrounds_are_textured_and_repeat(place):
    backdrop = sample_backdrop(place, -1.8, NO_SHADOW, np.random.default_rng(0))
    image = picture(backdrop, 20)
    assert image.shape == (64, 64, 3)
    assert image.std((0, 1)).min() > 0.005
    assert np.array_equal(image, picture(sample_backdrop(place, -1.8, NO_SHADOW, np.random.default_rng(0)), 20))


def test_the_horizon_rises_as_the_camera_tips_down():
    backdrop = sample_backdrop("grass", -1.8, NO_SHADOW, np.random.default_rng(1))
    green = [(image[..., 1] > image[..., 2] + 0.05).mean() for image in (picture(backdrop, e) for e in (0, 6, 25))]
    assert green[0] < green[1] < green[2] + 1e-6
    assert green[2] == 1


def test_a_shadow_falls_away_from_the_light():
    post = np.random.default_rng(0).uniform((-0.2, -1.5, -0.2), (0.2, 1.0, 0.2), (2000, 3))
    light = np.array((1.0, 1.0, 0.0)) / np.sqrt(2)
    x = (np.arange(SHADOW_CELLS) + 0.5) / SHADOW_CELLS * 2 * SHADOW_REACH - SHADOW_REACH
    shadow = cast_shadow(post, -1.5, light)
    assert shadow.min() >= 0 and shadow.max() < 1
    assert (shadow.sum(1) * x).sum() < 0
