"""Whoever can be loaded takes part, refined where it can be; whoever cannot is named with the reason."""

import pytest

from models.core.errors import MissingWeights
from storage.runs.scores import START
from storage.store.errors import MissingArtifact
from storage.store.references import ModelRef
from tasks.inference import loading
from tasks.inference.contestants import load_contestants, load_starts


@pytest.fixture
def gone(model):
    return ModelRef(root=model.root, category="cow", run="gone")


def test_a_method_answers_as_it_predicts_and_refined_where_it_can(model):
    (plain, refined), left_out = load_contestants({"magicpony": model}, "cpu:0")
    assert (plain.name, refined.name) == ("magicpony", "magicpony, refined") and not left_out
    assert not plain.is_refined and refined.is_refined and plain.size == refined.size == 32
    assert type(plain.answers.method) is not type(refined.answers.method)


def test_one_that_cannot_be_loaded_is_left_out_and_named(model, gone):
    loaded, left_out = load_contestants({"farm3d": gone, "magicpony": model}, "cpu:0")
    assert {one.model for one in loaded} == {model}
    assert list(left_out) == ["farm3d"] and "is not committed" in left_out["farm3d"]


def test_nothing_left_to_compare_is_an_error(gone):
    with pytest.raises(MissingArtifact, match="is not committed"):
        load_contestants({"farm3d": gone}, "cpu:0")


def test_every_method_that_was_trained_stands_beside_its_start(model, monkeypatch):
    assert list(load_starts({"magicpony": model}, "cpu:0")) == [f"magicpony, {START}"]

    def replaced(recipe, where):
        raise MissingWeights("the start has become another")

    monkeypatch.setattr(loading, "start", replaced)
    assert load_starts({"magicpony": model}, "cpu:0") == {}
