import pytest
from pydantic import ValidationError

from models.category import VIEWS, Category, Skeleton

COW = Category(name="cow", segment_as=("cow",))


@pytest.mark.parametrize("legs", [1, 3, 6])
def test_legs_come_in_pairs(legs):
    with pytest.raises(ValidationError, match=f"is {legs}; legs come in mirrored pairs, give 0, 2 or 4"):
        Skeleton(legs=legs)


def test_bones_are_the_spine_and_three_to_a_leg():
    assert [Skeleton(legs=legs).bones for legs in (0, 2, 4)] == [8, 14, 20]


def test_prompts_name_the_animal_and_the_view():
    for view in VIEWS:
        assert COW.prompt(view, "brown", "walking", "snow") == f"a brown cow, {view} view, walking on snow"
        assert COW.view_prompt(view) == f"a cow, {view} view"


@pytest.mark.parametrize("name", ["Cow", "sea cow", "", "../cow"])
def test_a_name_is_one_plain_word(name):
    with pytest.raises(ValidationError, match="name"):
        Category(name=name, segment_as=("cow",))
