from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from flows.plan.overrides import merged, partial
from models.core.config import Config
from models.core.schedule import Schedule


class Mild(Config):
    kind: Literal["mild"] = "mild"
    salt: Schedule = Schedule(1.0)
    steps: int = Field(3, ge=1, description="stirs")


class Hot(Config):
    kind: Literal["hot"] = "hot"
    chillies: int = 2


class Soup(Config):
    name: str
    taste: Annotated[Mild | Hot, Field(discriminator="kind")] = Mild()
    spare: Mild | None = None


SoupChanges = partial(Soup, "name")
SOUP = Soup(name="pea", taste=Mild(salt=Schedule({0.5: 0.0, 1.0: 2.0}), steps=9)).model_dump(mode="json")


def changed(**changes):
    return Soup.model_validate(SoupChanges(**changes).over(SOUP))


def test_one_knob_changes_and_its_neighbours_stay():
    soup = changed(taste={"kind": "mild", "steps": 4})
    assert soup.taste == Mild(salt=Schedule({0.5: 0.0, 1.0: 2.0}), steps=4)


def test_without_a_kind_the_part_keeps_the_one_it_has():
    assert changed(taste={"steps": 4}).taste == Mild(salt=Schedule({0.5: 0.0, 1.0: 2.0}), steps=4)
    hot = Soup(name="chilli", taste=Hot()).model_dump(mode="json")
    assert Soup.model_validate(SoupChanges(taste={"chillies": 5}).over(hot)).taste == Hot(chillies=5)


def test_a_key_of_another_kind_is_refused_when_the_part_keeps_its_own():
    with pytest.raises(ValidationError, match="taste.mild.chillies"):
        changed(taste={"chillies": 5})


def test_nothing_set_changes_nothing():
    assert changed() == Soup.model_validate(SOUP)


def test_null_from_an_empty_box_of_the_form_changes_nothing():
    assert changed(taste=None, spare=None) == Soup.model_validate(SOUP)


def test_another_kind_replaces_the_part():
    assert changed(taste={"kind": "hot"}).taste == Hot()


def test_a_part_that_was_off_is_switched_on_with_its_defaults():
    assert changed(spare={"kind": "mild", "steps": 2}).spare == Mild(steps=2)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tast": {}}, "tast"),
        ({"name": "bean"}, "name"),
        ({"taste": {"kind": "mild", "stesp": 1}}, "taste.mild.stesp"),
        ({"taste": {"kind": "sour"}}, "'mild', 'hot'"),
    ],
)
def test_a_wrong_key_is_refused_by_its_path(changes, named):
    with pytest.raises(ValidationError, match=named):
        changed(**changes)


def test_limits_hold_after_merging():
    with pytest.raises(ValidationError, match="taste.mild.steps"):
        changed(taste={"kind": "mild", "steps": 0})


def test_the_form_shows_what_a_knob_means():
    assert "stirs" in str(SoupChanges.model_json_schema())


def test_the_form_lists_the_kinds_of_a_union_side_by_side():
    choices = SoupChanges.model_json_schema()["properties"]["taste"]["anyOf"]
    assert [choice.get("$ref", choice.get("type")) for choice in choices] == [
        "#/$defs/MildChanges", "#/$defs/HotChanges", "null",
    ]  # fmt: skip


def test_merging_does_not_touch_its_inputs():
    plain = {"a": {"b": 1}}
    merged(plain, {"a": {"b": 2}})
    assert plain == {"a": {"b": 1}}


def test_a_part_is_named_in_words_and_its_kind_is_sent_by_the_form():
    """The form sends what a schema gives a default; a `const` without one would stay empty, and nothing be chosen."""
    mild = SoupChanges.model_json_schema()["$defs"]["MildChanges"]
    assert mild["title"] == "Mild" and mild["properties"]["kind"]["default"] == "mild"
    assert changed(taste={"kind": "hot"}).taste == Hot()
    assert partial(type("SourDough", (Hot,), {})).model_json_schema()["title"] == "Sour Dough"
