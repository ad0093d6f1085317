from collections import Counter

from models.category import Category
from models.prompts import requests

COW = Category(name="cow", segment_as=("cow",), coats=("black", "brown"))


def test_the_sequence_does_not_depend_on_where_it_is_cut():
    assert requests(COW, 0, 5) + requests(COW, 5, 7) == requests(COW, 0, 12)


def test_half_of_the_views_are_from_the_side():
    views = Counter(request.view for request in requests(COW, 3, 400))
    assert views == {"front": 100, "side": 200, "back": 100}


def test_every_word_of_a_request_stands_in_its_prompt():
    for request in requests(COW, 0, 20):
        assert request.prompt == f"a {request.coat} cow, {request.view} view, {request.action} on {request.place}"


def test_seeds_are_31_bits_and_differ():
    seeds = [request.seed for request in requests(COW, 0, 2000)]
    assert len(set(seeds)) == len(seeds) and min(seeds) >= 0 and max(seeds) < 2**31


def test_two_categories_have_other_seeds():
    sheep = COW.model_copy(update={"name": "sheep"})
    assert not {r.seed for r in requests(COW, 0, 50)} & {r.seed for r in requests(sheep, 0, 50)}
