import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from models.filters import image_rules
from models.filters.image_rules import ImageRules, verdict

RULES = ImageRules()


def photo():
    """Stripes of all brightnesses with a little noise: nothing is wrong with it."""
    ramp = np.tile(np.linspace(30, 220, 64), (64, 1))
    noise = np.random.default_rng(0).normal(0, 6, ramp.shape)
    return coloured((ramp + noise).clip(0, 255))


def coloured(grey):
    return np.repeat(grey.astype(np.uint8)[..., None], 3, -1)


def dots(ground, dot):
    """Every 16th pixel has another brightness."""
    image = np.full((64, 64), ground)
    image[::4, ::4] = dot
    return coloured(image)


def ramp():
    return coloured(np.tile(np.linspace(80, 170, 512), (512, 1)))


def tripped(image):
    grey = image.mean(-1) / 255
    return {reason for rule in image_rules.RULES if (reason := rule(grey, RULES))}


def test_a_good_photo_is_kept():
    assert verdict(photo(), RULES) is None and tripped(photo()) == set()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (dots(3, 180), "too dark"),
        (dots(254, 120), "too bright"),
        (coloured(110 + photo()[..., 0] * 0.13), "low contrast"),
        (ramp(), "blurred"),
    ],
)
def test_each_rule_is_tripped_by_an_image_that_trips_no_other(image, reason):
    assert tripped(image) == {reason} and verdict(image, RULES) == reason


def test_one_colour_has_no_contrast_either_and_is_called_blank():
    image = coloured(np.random.default_rng(0).normal(120, 2, (64, 64)))
    assert tripped(image) == {"blank", "low contrast"} and verdict(image, RULES) == "blank"


def test_a_black_picture_is_called_black_and_an_almost_black_and_a_white_one_by_their_light():
    assert verdict(np.zeros_like(photo()), RULES) == "black"
    assert verdict(np.ones_like(photo()), RULES) == "too dark"
    assert verdict(np.full_like(photo(), 255), RULES) == "too bright"


@pytest.mark.parametrize("size", [64, 128, 512])
@pytest.mark.parametrize("contrast", [0.3, 1.0])
def test_blur_is_judged_alike_at_every_size_and_contrast(size, contrast):
    random = np.random.default_rng(1)
    sharp = np.kron(random.uniform(0, 255, (32, 32)), np.ones((size // 32, size // 32)))
    soft = gaussian_filter(sharp, size / 16)
    soft = (soft - soft.min()) * 255 / np.ptp(soft)
    answers = [verdict(coloured(110 + (each - 110) * contrast), RULES) for each in (sharp, soft)]
    assert answers == [None, "blurred"]


@pytest.mark.parametrize("shape", [(1, 200), (200, 3), (16, 16)])
def test_a_strip_is_judged_without_a_warning(shape):
    assert verdict(np.random.default_rng(2).integers(0, 255, (*shape, 3)).astype(np.uint8), RULES) is None
