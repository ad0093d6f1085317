"""The examples of docs/extending.md do what they say."""

import re
from math import isnan
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
import yaml
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor

from models.core.category import Category
from models.core.config import Config
from models.filters.mask_rules import RULES, Mask, MaskRules
from models.generators.provenance import Sampling
from models.methods.magicpony.state import Prediction
from models.truth.barnyard import SPECIES
from storage.dataset import samples
from storage.store.layout import Store
from storage.store.references import digest
from tasks.generate import generate
from tasks.runtime.recipes import PhotoRecipe
from tests.models.filters.test_mask_rules import disc
from tests.tasks.material import COW

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text()
NAMES = {
    "Bool": Bool,
    "Config": Config,
    "Field": Field,
    "Float": Float,
    "Literal": Literal,
    "Mask": Mask,
    "MaskRules": MaskRules,
    "Prediction": Prediction,
    "Sampling": Sampling,
    "Tensor": Tensor,
    "UInt8": UInt8,
    "ndarray": ndarray,
    "np": np,
    "torch": torch,
}


def blocks(heading: str, language: str) -> list[str]:
    """The code blocks of one section."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def define(heading: str) -> Any:
    """What the first Python block of a section defines."""
    names: dict[str, Any] = dict(NAMES)
    exec(blocks(heading, "python")[0], names)
    return SimpleNamespace(**names)


def test_the_category_is_one() -> None:
    category = Category.model_validate(yaml.safe_load(blocks("A category", "yaml")[0]))
    assert category.name == "pig" and "sheep" in category.segment_as


def test_the_animals_that_the_barnyard_simulates_are_named() -> None:
    assert f"animals that it simulates ({', '.join(SPECIES)})" in TEXT


def test_a_picture_of_the_generator_depends_on_its_seed_alone() -> None:
    generator = define("An image generator").FlatConfig(size=64).build(torch.device("cpu"))
    pictures = generator.generate(["a cow"] * 3, [5, 6, 5])
    assert pictures.shape == (3, 64, 64, 3) and pictures.dtype == np.uint8
    assert (pictures[0] == pictures[2]).all() and (pictures[0] != pictures[1]).any()


def test_a_shard_of_the_generator_says_in_every_row_what_drew_it(tmp_path: Path) -> None:
    config = define("An image generator").FlatConfig(size=64, batch=3)

    class Recipe(PhotoRecipe):
        generator: Any = config

    recipe = Recipe(words=COW.words, weights_digest="none", photos=4)
    shard = generate.fn(Store(str(tmp_path)).raw("cow", digest(recipe), 0), recipe, "cpu")
    made = samples.of_shard(shard)
    assert [(row.model, row.sampler, row.steps) for row in made.rows] == 4 * [("flat colours", "", 0)]
    photos = [sample.image for sample in made]
    assert all(photo.shape == (64, 64, 3) and (photo == photo[0, 0]).all() for photo in photos)


def test_the_metric_is_the_error_of_the_area() -> None:
    area_error = define("A metric").area_error
    half, whole = np.arange(64).reshape(8, 8) < 32, np.ones((8, 8), bool)
    assert area_error(half, half) == 0 and area_error(half, whole) == 50 and isnan(area_error(half, ~whole))


def test_the_rule_drops_a_ring_that_no_other_rule_drops_and_keeps_a_disc() -> None:
    hollow, rules = define("A filter rule").hollow, SimpleNamespace(holes=0.1)
    (row,) = re.findall(r"as a row of `TRIPPED`: `(.*?)`", TEXT)
    ring, reason = eval(row, {"disc": disc})
    assert hollow(ring, rules) == reason and hollow(disc(), rules) is None
    assert not any(rule(ring, MaskRules()) for rule in RULES)


def test_the_term_sees_bends_to_the_side_alone() -> None:
    sway = define("A loss term").sway
    angles = torch.zeros(2, 4, 3)
    angles[..., 0] = 1
    assert sway(SimpleNamespace(angles=angles)) == 0 and sway(SimpleNamespace(angles=None)) is None
    angles[..., 1] = 2
    assert sway(SimpleNamespace(angles=angles)) == 4


def test_the_worked_method_is_the_one_that_is_run() -> None:
    example = TEXT.split("### A worked example\n")[1]
    (quoted,) = re.findall(r"```python\n(.*?)```", example, re.DOTALL)
    assert quoted.strip() in (ROOT / "tests" / "toy_methods" / "ellipsoid.py").read_text()
