"""Viewpoints wrap round, crops forget place and size, light is compared up to a gain."""

from math import inf, isnan, pi, radians

import numpy as np
import pytest
import torch

from models.geometry.cameras import look_at
from models.metrics.views import (
    azimuth_error,
    fixed_to_object,
    further,
    masked_psnr,
    normalised,
    relighting_error,
    same_quadrant,
    turned,
)
from models.rendering.types import Light

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.uniform(0.1, 0.9, (8, 8, 3))
EVERYWHERE = np.ones((8, 8), bool)
NOWHERE = np.zeros((8, 8), bool)


TURNS = [(0.0, 0.0, 0.0), (pi - 0.1, 0.1 - pi, 0.2), (0.0, 3 * pi, pi), (1.0, -1.0, 2.0)]


@pytest.mark.parametrize(("ours", "theirs", "error"), TURNS)
def test_azimuths_wrap_round(ours: float, theirs: float, error: float) -> None:
    assert azimuth_error(ours, theirs) == pytest.approx(error)


def test_quadrants_are_the_four_hypotheses() -> None:
    centres = [radians(angle) for angle in (-45, 45, 135, -135)]
    assert all(same_quadrant(a, b) == (a == b) for a in centres for b in centres)


def test_turning_adds_to_the_azimuth_and_keeps_the_rest() -> None:
    camera = look_at(torch.tensor([0.3, -2.0]), torch.tensor([0.1, 0.4]))
    after = turned(camera, torch.tensor([0.7, 0.7]))
    expected = look_at(torch.tensor([1.0, -1.3]), torch.tensor([0.1, 0.4]))
    torch.testing.assert_close(after.T_camera_world, expected.T_camera_world, atol=1e-5, rtol=0)


def test_a_camera_steps_straight_back() -> None:
    camera = look_at(torch.tensor([0.3, -2.0]), torch.tensor([0.1, 0.4]))
    back = further(camera, 5.5)
    torch.testing.assert_close(back.position, camera.position * 1.55, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.azimuth, camera.azimuth)


def test_a_light_fixed_to_the_object_stays_put_in_the_world() -> None:
    old, new = look_at(torch.tensor([0.3]), torch.tensor([0.1])), look_at(torch.tensor([2.0]), torch.tensor([-0.2]))
    direction = torch.nn.functional.normalize(torch.tensor([[0.3, 0.5, -0.2]]), dim=-1)
    light = Light(direction, torch.tensor([0.4]), torch.tensor([0.6]))
    moved = fixed_to_object(light, old, new)
    world = [(c.T_camera_world[0, :3, :3].mT @ each.direction[0]) for c, each in ((old, light), (new, moved))]
    torch.testing.assert_close(*world)


def disc(size: int, row: float, column: float, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    mask = ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).float()
    return mask[..., None] * torch.stack((columns > column, rows > row, rows > -1), -1), mask


def test_a_crop_forgets_place_and_size() -> None:
    small, large = (normalised(*disc(*shape), 32) for shape in ((64, 20, 40, 12), (128, 70, 60, 36)))
    assert (small[0] - large[0]).abs().mean() < 0.03
    assert small[1].mean() == pytest.approx(0.25, abs=0.01)


def test_an_empty_crop_stays_empty() -> None:
    image, mask = normalised(torch.ones(16, 16, 3), torch.zeros(16, 16), 8)
    assert image.sum() == mask.sum() == 0


def test_psnr_of_a_known_error() -> None:
    assert masked_psnr(IMAGE, IMAGE + 0.1, EVERYWHERE) == pytest.approx(20, abs=1e-6)
    assert masked_psnr(IMAGE, IMAGE, EVERYWHERE) < inf
    assert isnan(masked_psnr(IMAGE, IMAGE, NOWHERE))


def test_only_the_mask_counts() -> None:
    half = EVERYWHERE.copy()
    half[:4] = False
    other = IMAGE.copy()
    other[:4] = 0
    assert masked_psnr(IMAGE, other, half) == 100


def test_relighting_ignores_a_gain_and_sees_a_gradient() -> None:
    assert relighting_error(0.5 * IMAGE, IMAGE, EVERYWHERE) == pytest.approx(0, abs=1e-7)
    lit = IMAGE * np.linspace(0.2, 1, 8)[None, :, None]
    assert relighting_error(IMAGE, lit, EVERYWHERE) > 0.05
    assert isnan(relighting_error(IMAGE, IMAGE, NOWHERE))
