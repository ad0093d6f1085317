import pytest
from pydantic import ValidationError

from models.core.category import VIEWS, BarnyardTruth, Category, FolderTruth, NoTruth, Skeleton

COW = Category(name="cow", segment_as=("cow",))


@pytest.mark.parametrize("legs", [1, 3, 6])
def test_legs_come_in_pairs(legs):
    with pytest.raises(ValidationError, match=f"is {legs}; legs come in mirrored pairs, give 0, 2 or 4"):
        Skeleton(legs=legs)


def test_bones_are_the_spine_and_three_to_a_leg():
    assert [Skeleton(legs=legs).bones for legs in (0, 2, 4)] == [8, 14, 20]


def test_prompts_name_the_animal_and_the_view():
    for view in VIEWS:
        assert (
            COW.prompt(view, coat="brown", action="walking", place="snow")
            == f"a brown cow, {view} view, walking on snow"
        )


@pytest.mark.parametrize("name", ["Cow", "sea cow", "", "../cow"])
def test_a_name_is_one_plain_word(name):
    with pytest.raises(ValidationError, match="name"):
        Category(name=name, segment_as=("cow",))


def test_a_list_of_words_has_equal_weights_and_no_word_twice():
    found = Category(name="cow", segment_as=("cow",), coats=["brown", "black", "brown"])
    assert found.coats == {"brown": 1, "black": 1}
    assert found == Category(name="cow", segment_as=("cow",), coats={"brown": 1, "black": 1})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("templates", ["a {coat} {name}"], r"it has to hold \{name\} and \{view\}, and may hold \{action\}, \{age\}"),
        ("templates", ["a {hat} {name}, {view} view"], "it has to hold"),
        ("templates", ["a {name, {view} view"], "templates"),
        ("coats", [], "give at least one word"),
        ("coats", {"brown": -1, "black": 2}, "no weight below 0"),
        ("views", {"front": 0}, "one above"),
        ("views", {"above": 1}, "views"),
    ],
)
def test_words_that_give_no_prompt_are_refused(field, value, said):
    with pytest.raises(ValidationError, match=said):
        Category.model_validate({"name": "cow", "segment_as": ["cow"], field: value})


def test_truth_has_a_short_form_and_a_category_that_says_nothing_has_none():
    assert COW.truth == NoTruth()
    for said, meant in (
        ("barnyard", BarnyardTruth()),
        ("none", NoTruth()),
        ({"kind": "folder", "folder": "p"}, FolderTruth(folder="p")),
    ):
        assert Category(name="cow", segment_as=("cow",), truth=said).truth == meant
    with pytest.raises(ValidationError, match="'zoo'.*'barnyard', 'folder', 'none'"):
        Category(name="cow", segment_as=("cow",), truth="zoo")


def test_what_a_model_is_measured_against_is_no_part_of_what_it_learns():
    measured = COW.model_copy(update={"truth": BarnyardTruth()})
    assert measured.without_truth == COW and measured.words == COW.words


def test_prompts_say_several_words():
    bear = Category(name="polar_bear", segment_as=("bear",))
    assert bear.prompt("side", "a {name}, {view} view") == "a polar bear, side view"
    assert bear.prompt("front", coat="white", action="standing", place="snow").startswith(
        "a white polar bear, front view"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("elephant", "an elephant"),
        ("ox", "an ox"),
        ("urchin", "an urchin"),
        ("unicorn", "a unicorn"),
        ("ewe", "a ewe"),
        ("cow", "a cow"),
        ("arctic_fox", "an arctic fox"),
    ],
)
def test_an_article_is_said_as_people_say_it(name, said):
    category = Category(name=name, segment_as=("cow",))
    assert category.prompt("side", "a {name}, {view} view") == f"{said}, side view"
    assert category.prompt("side", action="standing", place="a ice", coat="").startswith(f"{said}, side view, standing")
    assert category.prompt("side", action="x", place="y", coat="orange").startswith("an orange ")


def test_an_animal_is_handed_out_in_the_middle_of_its_grown_size_and_its_size_is_no_part_of_what_it_learns():
    pig = Category(name="pig", segment_as=("pig",), shoulder_height_m={"young": (0.2, 0.3), "grown": (0.7, 0.9)})
    assert (pig.shoulder_height(), pig.shoulder_height("young")) == pytest.approx((0.8, 0.25))
    with pytest.raises(
        ValueError, match="age is 'old'; give young or grown, or say under shoulder_height_m how high pig"
    ):
        pig.shoulder_height("old")
    assert pig.without_truth == Category(name="pig", segment_as=("pig",)).without_truth


@pytest.mark.parametrize(
    ("heights", "said"), [({"young": (0.2, 0.3)}, "say at least grown"), ({"grown": (0.9, 0.7)}, "0.9 to 0.7 m")]
)
def test_a_size_that_cannot_be_is_refused(heights, said):
    with pytest.raises(ValidationError, match=said):
        Category(name="pig", segment_as=("pig",), shoulder_height_m=heights)
