import numpy as np
import pytest
from pydantic import ValidationError

from models.filters import mask_rules
from models.filters.mask_rules import MaskRules, animals, split_crowd, verdict
from models.segmenters.pointrend import Instance

RULES = MaskRules()


def disc(row=64, column=64, radius=30, size=128):
    y, x = np.mgrid[:size, :size]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def found(*masks, score=0.95):
    return [Instance(mask, score, "cow") for mask in masks]


def cross():
    """Two diagonals of the crop's square: little area in a wide hull, all in one piece and inside its crop."""
    row, column = np.mgrid[:128, :128] - 64
    near = (np.abs(row - column) < 6) | (np.abs(row + column) < 6)
    return near & (np.maximum(np.abs(row), np.abs(column)) < 37)


def dumbbell():
    """Two discs that a bar joins."""
    mask = disc(column=38, radius=22) | disc(column=90, radius=22)
    mask[60:68, 38:90] = True
    return mask


def bar():
    mask = np.zeros((128, 128), bool)
    mask[58:70, 10:118] = True
    return mask


def test_a_whole_animal_in_the_middle_is_kept():
    assert verdict(found(disc()), RULES) is None


TRIPPED = [
    (disc(radius=8), "too small"),
    (disc(radius=62), "too large"),
    (disc(column=20), "border"),
    (disc(radius=28, column=50) | disc(radius=9, column=100), "fragmented"),
    (dumbbell(), "multiple animals"),
    (cross(), "occluded"),
    (bar(), "truncated crop"),
]


@pytest.mark.parametrize(("mask", "reason"), TRIPPED)
def test_each_rule_is_tripped_by_a_mask_that_trips_no_other(mask, reason):
    assert {told for rule in mask_rules.RULES if (told := rule(mask, RULES))} == {reason}
    assert verdict(found(mask), RULES) == reason


@pytest.mark.parametrize("rule", mask_rules.RULES)
def test_no_rule_is_without_a_mask_that_trips_it(rule):
    assert any(rule(mask, RULES) for mask, _ in TRIPPED)


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ([], "no instance"),
        (found(disc(), score=0.4), "no instance"),
        (found(disc(), score=0.6), "doubtful"),
        (found(disc(column=36, radius=26), disc(column=96, radius=26)), "multiple animals"),
    ],
)
def test_too_few_and_too_many(instances, reason):
    assert verdict(instances, RULES) == reason


def test_a_doubtful_animal_is_dropped_for_what_makes_it_doubtful():
    assert verdict(found(disc(column=20), score=0.6), RULES) == "border"


def test_a_looser_score_keeps_what_it_lets_in():
    assert verdict(found(disc(), score=0.4), RULES.model_copy(update={"score": 0.3})) is None


@pytest.mark.parametrize(("radius", "reason"), [(22, "multiple animals"), (13, "multiple animals"), (8, None)])
def test_the_joined_animal_counts_from_the_same_share_on_as_one_apart(radius, reason):
    joined = disc(column=45, radius=26) | disc(column=45 + 26 + 8 + radius, radius=radius)
    joined[61:67, 45 : 45 + 26 + 8 + radius] = True
    loose = RULES.model_copy(update={"pieces": 1.0, "lost": 1.0})
    assert verdict(found(joined), loose) == reason


def test_the_same_animal_found_twice_and_small_or_doubtful_neighbours_do_not_count():
    twice = found(disc(), disc(radius=28))
    small = found(disc(), disc(column=114, radius=8))
    doubtful = found(disc(column=36, radius=26)) + found(disc(column=96, radius=26), score=0.3)
    assert verdict(twice, RULES) is verdict(small, RULES) is verdict(doubtful, RULES) is None


def test_every_reason_is_one_to_three_words():
    for instances in ([], found(bar()), found(disc(radius=8))):
        assert 1 <= len(verdict(instances, RULES).split()) <= 3


@pytest.mark.parametrize("area", [(0.7, 0.05), (0.3, 0.3), (-0.1, 0.5), (0.1, 1.2)])
def test_shares_in_the_wrong_order_are_refused(area):
    with pytest.raises(ValidationError, match=r"give the least share and then the most, both from 0 to 1"):
        MaskRules(area=area)


def test_animals_are_the_likeliest_and_the_large_likely_others_that_are_none_of_them_again():
    first, second = (Instance(disc(column=column, radius=22), 0.9, "cow") for column in (30, 98))
    again = Instance(disc(column=97, radius=22), 0.8, "cow")
    doubtful, small = Instance(disc(row=20, radius=15), 0.4, "cow"), Instance(disc(row=110, radius=5), 0.9, "cow")
    assert animals([first, second, again, doubtful, small], RULES) == [first, second]
    assert animals([first], RULES) == [first] and animals([], RULES) == []


def test_a_crowd_is_split_between_its_bodies_and_one_animal_is_left_whole():
    left, right = sorted(split_crowd(dumbbell(), RULES), key=lambda body: np.nonzero(body)[1].mean())
    assert np.array_equal(left | right, dumbbell()) and not (left & right).any()
    assert left[:, :56].sum() == dumbbell()[:, :56].sum() and right[:, 72:].sum() == dumbbell()[:, 72:].sum()
    (whole,) = split_crowd(disc(), RULES)
    assert np.array_equal(whole, disc())
