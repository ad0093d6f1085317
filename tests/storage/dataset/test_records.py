import pytest

from storage.dataset.records import content_key, split_of


def test_a_key_follows_from_everything_that_makes_the_picture() -> None:
    keys = {
        content_key("cow", "0123", "a cow", 1),
        content_key("horse", "0123", "a cow", 1),
        content_key("cow", "4567", "a cow", 1),
        content_key("cow", "0123", "a cow, side view", 1),
        content_key("cow", "0123", "a cow", 2),
    }
    assert len(keys) == 5
    assert content_key("cow", "0123", "a cow", 1) in keys


def test_one_key_in_ten_is_for_validation_for_ever() -> None:
    keys = [content_key("cow", "0123", "a cow", seed) for seed in range(4000)]
    share = sum(split_of(key) == "validation" for key in keys) / len(keys)
    assert share == pytest.approx(0.1, abs=0.02)
    assert [split_of(key) for key in keys[:500]] == [split_of(key) for key in keys[:500]]
