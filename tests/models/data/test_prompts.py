from collections import Counter

import pytest

from models.core.category import Category
from models.data.prompts import requests, target_shares

COW = Category(name="cow", segment_as=("cow",), coats=("black", "brown"))


def mix(name, found):
    counts = Counter(getattr(each, name) for each in found)
    return {word: count / len(found) for word, count in counts.items()}


def test_the_sequence_does_not_depend_on_where_it_is_cut():
    assert requests(COW, 0, 5) + requests(COW, 5, 7) == requests(COW, 0, 12)


def test_any_four_in_a_row_have_a_front_a_back_and_two_sides():
    views = [request.view for request in requests(COW, 0, 400)]
    for start in range(0, 400, 4):
        assert Counter(views[start : start + 4]) == {"front": 1, "side": 2, "back": 1}


def test_every_word_of_a_request_stands_in_its_prompt():
    for request in requests(COW, 0, 20):
        assert request.prompt == f"a {request.coat} cow, {request.view} view, {request.action} on {request.place}"


def test_the_mix_is_that_of_the_weights_in_a_short_run_already():
    calves = COW.model_copy(update={"coats": {"black": 3.0, "brown": 1.0}, "ages": {"": 4.0, "young": 1.0}})
    for first in (0, 777):
        found = requests(calves, first, 120)
        assert mix("coat", found) == pytest.approx({"black": 0.75, "brown": 0.25}, abs=0.04)
        assert mix("age", found) == pytest.approx({"": 0.8, "young": 0.2}, abs=0.05)
        assert mix("place", found) == pytest.approx({"grass": 1 / 3, "sand": 1 / 3, "snow": 1 / 3}, abs=0.05)
        both = [each for each in found if each.view == "side" and each.coat == "black"]
        assert len(both) == pytest.approx(120 * 0.5 * 0.75, abs=8)


def test_words_that_a_template_leaves_out_are_empty():
    plain = Category(name="cow", segment_as=("cow",), templates=("a photo of a {name}, {view} view",))
    found = requests(plain, 0, 8)
    assert {each.prompt for each in found} == {f"a photo of a cow, {view} view" for view in ("front", "side", "back")}
    assert {(each.coat, each.age, each.action, each.place) for each in found} == {("", "", "", "")}


def test_a_word_of_no_weight_is_never_asked_for():
    found = requests(COW.model_copy(update={"views": {"front": 0.0, "side": 1.0}}), 0, 50)
    assert {each.view for each in found} == {"side"}


def test_seeds_are_31_bits_and_differ():
    seeds = [request.seed for request in requests(COW, 0, 2000)]
    assert len(set(seeds)) == len(seeds) and min(seeds) >= 0 and max(seeds) < 2**31


def test_two_categories_have_other_seeds_and_other_words():
    sheep = COW.model_copy(update={"name": "sheep"})
    assert not {r.seed for r in requests(COW, 0, 50)} & {r.seed for r in requests(sheep, 0, 50)}
    assert [r.place for r in requests(COW, 0, 50)] != [r.place for r in requests(sheep, 0, 50)]


def test_what_is_wanted_is_what_a_long_run_has():
    herd = COW.model_copy(
        update={
            "templates": {"a {coat} {name}, {view} view": 1.0, "a {age} {name}, {view} view, {action}": 3.0},
            "coats": {"black": 3.0, "brown": 1.0},
            "ages": {"": 4.0, "young": 1.0},
        }
    )
    found = requests(herd, 0, 3000)
    for kind, shares in target_shares(herd).items():
        assert sum(shares.values()) == pytest.approx(1)
        assert mix(kind, found) == pytest.approx({word: share for word, share in shares.items() if share}, abs=0.02)
