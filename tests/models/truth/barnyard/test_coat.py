from pathlib import Path

import numpy as np
import pytest
import yaml

from models.truth.barnyard.anatomy import body
from models.truth.barnyard.coat import COATS, albedo
from models.truth.barnyard.rig import PART
from models.truth.barnyard.species import SPECIES

CATEGORIES = Path(__file__).parents[3] / "flows" / "categories"
ALL = [(category, coat) for category in SPECIES for coat in COATS[category]]


@pytest.mark.parametrize("category", SPECIES)
def test_coat_words_are_those_of_the_prompts(category):
    assert tuple(yaml.safe_load((CATEGORIES / f"{category}.yaml").read_text())["coats"]) == COATS[category]


@pytest.mark.parametrize(("category", "coat"), ALL)
def test_colours_are_reflectances_and_eyes_are_dark(category, coat):
    animal = body(category, 0)
    colours = albedo(animal, coat, np.random.default_rng(0))
    assert colours.shape == animal.vertices.shape
    assert 0 < colours.min() <= colours.max() <= 1
    assert colours[animal.part == PART["eye"]].max() < 0.15


@pytest.mark.parametrize(("category", "coat"), [pair for pair in ALL if pair[1].endswith("and white")])
def test_patched_torsos_show_both_colours(category, coat):
    animal = body(category, 0)
    for seed in range(5):
        bright = albedo(animal, coat, np.random.default_rng(seed))[animal.part == PART["torso"]].mean(-1)
        assert 0.1 < (bright > 0.6).mean() < 0.95


def test_words_order_the_brightness_of_wool():
    animal = body("sheep", 0)
    mean = {coat: albedo(animal, coat, np.random.default_rng(0))[animal.wool].mean() for coat in COATS["sheep"]}
    assert mean["white"] > mean["grey"] > mean["brown"]


def test_a_foreign_coat_is_refused():
    with pytest.raises(ValueError, match="'chestnut'; a cow is black and white"):
        albedo(body("cow", 0), "chestnut", np.random.default_rng(0))
