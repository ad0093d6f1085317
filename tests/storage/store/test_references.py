import pytest
from pydantic import ValidationError

from storage.store.references import Record, ShardRef, digest


class Recipe(Record):
    steps: int = 20
    words: tuple[str, ...] = ("brown",)


def test_a_digest_depends_on_values_and_not_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 16


def test_a_digest_of_a_config_is_that_of_its_fields() -> None:
    assert digest(Recipe()) == digest({"steps": 20, "words": ["brown"]})
    assert digest({"nested": Recipe()}) == digest({"nested": Recipe().model_dump()})


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
