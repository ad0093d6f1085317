"""The examination is fair: unseen animals, the training's crop, truths that agree with each other."""

import numpy as np
import pytest
import torch

from models.truth.barnyard import HELD_OUT
from models.truth.examples import Example
from models.truth.held_out import HeldOutAnimals, HeldOutConfig, held_out, training_shapes

CONFIG = HeldOutConfig(scenes=3, photo=64, size=48)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return held_out("cow", CONFIG)


def test_they_are_the_same_every_time(examples: list[Example]) -> None:
    again = held_out("cow", CONFIG.model_copy(update={"scenes": 1}))[0]
    assert again.key == examples[0].key == f"cow-{HELD_OUT}"
    assert torch.equal(again.crop.image, examples[0].crop.image)


def test_others_are_asked_for_by_the_number_of_the_first(examples: list[Example]) -> None:
    (later,) = held_out("cow", CONFIG.model_copy(update={"scenes": 1, "first": 2}))
    assert later.key == examples[2].key and torch.equal(later.crop.image, examples[2].crop.image)


def test_the_animal_fills_a_quarter_of_its_crop(examples: list[Example]) -> None:
    for each in examples:
        assert each.crop.mask.mean() == pytest.approx(0.25, abs=0.03)
        assert each.crop.mask[each.crop.valid == 0].sum() == 0
        for view in each.turned:
            assert view.mask.mean() == pytest.approx(0.25, abs=0.05)


def test_seen_keypoints_lie_on_the_animal(examples: list[Example]) -> None:
    for each in examples:
        column, row = ((each.keypoints[each.seen] + 1) / 2 * 48).long().clamp(0, 47).T
        near = torch.nn.functional.max_pool2d(each.crop.mask[None], 7, 1, 3)[0, 0]
        assert near[row, column].mean() > 0.9


def test_a_new_light_changes_colours_and_not_outlines(examples: list[Example]) -> None:
    for each in examples:
        assert all(torch.equal(other.mask, each.crop.mask[0]) for other in each.relit)
        assert (each.relit[0].image - each.relit[1].image)[each.crop.mask[0] > 0].abs().mean() > 0.01


def test_the_view_behind_is_the_mirrored_outline(examples: list[Example]) -> None:
    """A side view and the one from the other side have nearly mirrored silhouettes, up to perspective and tilt."""
    for each in examples:
        behind = each.turned[1].mask.numpy() > 0.5
        mirrored = each.crop.mask[0].numpy()[:, ::-1] > 0.5
        assert (behind & mirrored).sum() / (behind | mirrored).sum() > 0.5


def test_shapes_for_the_baselines_are_of_other_animals(examples: list[Example]) -> None:
    shapes = training_shapes("cow", 2)
    assert not np.allclose(shapes[0].extents, shapes[1].extents)
    assert all(shape.volume > 0.5 for shape in shapes)


def test_the_source_of_a_species_gives_its_held_out_animals_and_other_ones_for_the_baselines() -> None:
    source = HeldOutAnimals("sheep", CONFIG.model_copy(update={"scenes": 1}))
    (example,) = source.examples()
    assert example.key == f"sheep-{HELD_OUT}" and example.mesh is not None
    (shape,) = source.training_shapes(1)
    assert not np.array_equal(shape.vertices, example.mesh.vertices[0])
