from pathlib import Path

import numpy as np
import pytest
import yaml

from models.truth.barnyard.anatomy import body
from models.truth.barnyard.coat import COATS, albedo
from models.truth.barnyard.rig import PART
from models.truth.barnyard.species import FARM, SPECIES

CATEGORIES = Path(__file__).parents[4] / "flows" / "categories"
ALL = [(category, coat) for category in SPECIES for coat in COATS[category]]


@pytest.mark.parametrize("category", FARM)
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


def _bright(category: str, coat: str, *parts: str) -> list[float]:
    """Mean brightness of these parts over some paintings of one animal."""
    animal = body(category, 0)
    where = np.isin(animal.part, [PART[part] for part in parts])
    return [float(albedo(animal, coat, np.random.default_rng(seed))[where].mean()) for seed in range(5)]


def test_a_pigs_snout_is_darker_than_its_skin_and_a_pink_one_is_pink():
    assert all(np.less(_bright("pig", "pink", "muzzle"), _bright("pig", "pink", "torso")))
    red, green, blue = albedo(body("pig", 0), "pink", np.random.default_rng(0)).mean(0)
    assert red > 1.2 * green > blue


def test_a_deers_tail_and_the_underside_of_its_trunk_are_white():
    deer = body("deer", 0)
    colours = albedo(deer, "brown", np.random.default_rng(0)).mean(-1)
    trunk = deer.part == PART["torso"]
    assert colours[deer.part == PART["tail"]].min() > 0.7
    assert colours[trunk & (deer.normals[:, 1] < -0.9)].mean() > 2 * colours[trunk & (deer.normals[:, 1] > 0.9)].mean()


def test_a_dog_has_paws_and_not_hooves():
    assert np.isclose(_bright("dog", "white", "hoof"), _bright("dog", "white", "torso"), rtol=0.1).all()
    assert max(_bright("donkey", "grey", "hoof")) < 0.25


def test_a_donkey_has_a_pale_muzzle_a_dark_mane_and_a_dark_line_down_its_back():
    donkey = body("donkey", 0)
    colours = albedo(donkey, "grey", np.random.default_rng(0)).mean(-1)
    assert colours[donkey.part == PART["muzzle"]].mean() > 1.5 * colours[donkey.part == PART["mane"]].mean()
    back = (donkey.part == PART["torso"]) & (donkey.normals[:, 1] > 0.8) & (np.abs(donkey.vertices[:, 2]) < 0.4)
    middle = np.abs(donkey.vertices[:, 0]) < 0.04
    assert colours[back & middle].mean() < 0.75 * colours[back & ~middle].mean()


def test_of_a_donkeys_ears_the_tips_alone_are_dark():
    donkey = body("donkey", 0)
    colours, height = albedo(donkey, "grey", np.random.default_rng(0)).mean(-1), donkey.vertices[:, 1]
    ear = donkey.part == PART["ear"]
    tip, root = (colours[ear & (height > height.max() - 0.15)], colours[ear & (height < height.max() - 0.35)])
    assert len(tip) and len(root) and root.mean() > 2 * tip.mean()


def test_wool_is_darker_in_its_folds():
    llama = body("llama", 0)
    colours = albedo(llama, "white", np.random.default_rng(0)).mean(-1)[llama.wool]
    relief = llama.relief[llama.wool]
    assert colours[relief < 0.2].mean() < 0.9 * colours[relief > 0.8].mean()


def test_a_foreign_coat_is_refused():
    with pytest.raises(ValueError, match="'chestnut'; a cow is black and white"):
        albedo(body("cow", 0), "chestnut", np.random.default_rng(0))
