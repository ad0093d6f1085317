import pytest
from pydantic import ValidationError

from storage.store.references import Record, ShardRef, digest, identity


class Recipe(Record):
    steps: int = 20
    words: tuple[str, ...] = ("brown",)


def test_a_digest_depends_on_values_and_not_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 16


class Grown(Recipe):
    """The recipe after somebody added a knob."""

    speed: float = 1.0
    spare: Recipe | None = None


class Kind(Record):
    kind: str = "mild"
    inner: Recipe = Recipe()


def test_a_digest_of_a_config_is_that_of_the_fields_that_are_not_at_their_defaults() -> None:
    assert digest(Recipe()) == digest({})
    assert digest(Recipe(steps=3)) == digest({"steps": 3})
    assert digest({"nested": Recipe(words=("red",))}) == digest({"nested": {"words": ["red"]}})


def test_a_new_knob_renames_nothing_until_it_is_used() -> None:
    assert digest(Grown(steps=3)) == digest(Recipe(steps=3))
    assert digest(Grown(steps=3, speed=2.0)) != digest(Recipe(steps=3))
    assert digest(Grown(spare=Recipe())) != digest(Grown())


def test_a_kind_always_counts_and_an_identity_reads_back_as_the_same_record() -> None:
    assert digest(Kind()) == digest({"kind": "mild"}) != digest({})
    recipe = Kind(inner=Recipe(steps=7))
    assert Kind.model_validate(identity(recipe)) == recipe
    assert digest(identity(recipe)) == digest(recipe)


def test_a_digest_stays_the_same_between_versions() -> None:
    assert digest({"category": "cow", "size": 128}) == "4668435371d14064"


@pytest.mark.parametrize("value", [float("nan"), {"a": object()}, {"a": {1, 2}}])
def test_a_digest_of_what_has_no_canonical_json_is_refused(value) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest(value)


@pytest.mark.parametrize("name", ["../cow", "/cow", "cow/x", "", "Cow", "c.ow", "c" * 81])
def test_a_reference_cannot_name_anything_outside_its_root(name) -> None:
    with pytest.raises(ValidationError, match="category"):
        ShardRef(root="data", category=name, stage="raw", digest="0123", index=0)


def test_a_reference_goes_through_json_and_an_unknown_key_does_not() -> None:
    ref = ShardRef(root="data", category="cow", stage="raw", digest="0123", index=7)
    assert ShardRef.model_validate_json(ref.model_dump_json()) == ref
    with pytest.raises(ValidationError, match="shard"):
        ShardRef.model_validate(ref.model_dump() | {"shard": 1})
