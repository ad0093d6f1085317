import numpy as np
import pytest

from models.filters.image_rules import ImageRules, verdict

RULES = ImageRules()


def photo():
    """Stripes of all brightnesses with a little noise: nothing is wrong with it."""
    ramp = np.tile(np.linspace(30, 220, 64), (64, 1))
    noise = np.random.default_rng(0).normal(0, 6, ramp.shape)
    return np.repeat((ramp + noise).clip(0, 255).astype(np.uint8)[..., None], 3, -1)


def test_a_good_photo_is_kept():
    assert verdict(photo(), RULES) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda image: np.zeros_like(image), "black"),
        (lambda image: np.ones_like(image), "blank"),
        (lambda image: 250 + (image > 60) * 5, "blank"),
        (lambda image: image * 0.1, "too dark"),
        (lambda image: 110 + image * 0.13, "low contrast"),
    ],
)
def test_one_fault_one_reason(change, reason):
    assert verdict(change(photo()).astype(np.uint8), RULES) == reason


def test_blur_is_seen_where_nothing_changes_between_neighbours():
    smooth = np.repeat(np.linspace(80, 170, 512).astype(np.uint8)[:, None, None], 512, 1).repeat(3, -1)
    assert verdict(smooth, RULES) == "blurred"


def test_bright():
    image = np.full((64, 64, 3), 255, np.uint8)
    image[:4] = 0
    assert verdict(image, RULES.model_copy(update={"contrast": 0.0, "bright": 0.9})) == "too bright"
