"""Viewpoints wrap round, crops forget place and size, light is compared up to a gain."""

from math import inf, isnan, pi, radians

import numpy as np
import pytest

from models.metrics.views import (
    azimuth_error,
    colour_error,
    masked_psnr,
    relighting_error,
    same_quadrant,
)

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


def test_black_and_white_are_a_hundred_colours_apart_and_a_brown_coat_is_seen_at_equal_lightness() -> None:
    grey, brown = (np.broadcast_to(colour, (8, 8, 3)) for colour in ([0.466] * 3, [0.6, 0.45, 0.3]))
    assert colour_error(np.zeros((8, 8, 3)), np.ones((8, 8, 3)), EVERYWHERE) == pytest.approx(100, abs=0.01)
    assert colour_error(grey, brown, EVERYWHERE) > 20
    assert colour_error(IMAGE, IMAGE, EVERYWHERE) == 0
    assert isnan(colour_error(IMAGE, IMAGE, NOWHERE))
    half = EVERYWHERE.copy()
    half[:4] = False
    assert colour_error(np.where(half[..., None], grey, brown), grey, half) == 0


def test_relighting_ignores_a_gain_and_sees_a_gradient() -> None:
    assert relighting_error(0.5 * IMAGE, IMAGE, EVERYWHERE) == pytest.approx(0, abs=1e-7)
    lit = IMAGE * np.linspace(0.2, 1, 8)[None, :, None]
    assert relighting_error(IMAGE, lit, EVERYWHERE) > 0.05
    assert isnan(relighting_error(IMAGE, IMAGE, NOWHERE))
