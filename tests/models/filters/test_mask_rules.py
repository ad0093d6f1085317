import numpy as np
import pytest

from models.filters.mask_rules import MaskRules, verdict
from models.segmenters.pointrend import Instance

RULES = MaskRules()


def disc(row=64, column=64, radius=30, size=128):
    y, x = np.mgrid[:size, :size]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def found(*masks, score=0.95):
    return [Instance(mask, score, "cow") for mask in masks]


def spikes():
    """Eight thin arms: little area in a wide hull, all in one piece and inside its crop."""
    mask = disc(radius=12)
    for turn in np.arange(8) * np.pi / 4:
        for reach in np.linspace(0, 38, 80):
            row, column = int(64 + reach * np.sin(turn)), int(64 + reach * np.cos(turn))
            mask[row : row + 2, column : column + 2] = True
    return mask


def bar():
    mask = np.zeros((128, 128), bool)
    mask[58:70, 10:118] = True
    return mask


def test_a_whole_animal_in_the_middle_is_kept():
    assert verdict(found(disc()), RULES) is None


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ([], "no instance"),
        (found(disc(), score=0.6), "no instance"),
        (found(disc(column=36, radius=26), disc(column=96, radius=26)), "multiple animals"),
        (found(disc(radius=8)), "too small"),
        (found(disc(radius=62)), "too large"),
        (found(disc(column=20)), "border"),
        (found(disc(radius=28, column=50) | disc(radius=9, column=100)), "fragmented"),
        (found(bar()), "truncated crop"),
    ],
)
def test_one_fault_one_reason(instances, reason):
    assert verdict(instances, RULES) == reason


def test_something_in_front():
    rules = RULES.model_copy(update={"lost": 1.0})
    assert verdict(found(spikes()), rules) == "occluded"


def test_the_same_animal_found_twice_and_small_or_doubtful_neighbours_do_not_count():
    twice = found(disc(), disc(radius=28))
    small = found(disc(), disc(column=114, radius=8))
    doubtful = found(disc(column=36, radius=26)) + found(disc(column=96, radius=26), score=0.3)
    assert verdict(twice, RULES) is verdict(small, RULES) is verdict(doubtful, RULES) is None


def test_every_reason_is_one_to_three_words():
    for instances in ([], found(bar()), found(disc(radius=8))):
        assert 1 <= len(verdict(instances, RULES).split()) <= 3
