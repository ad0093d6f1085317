import pytest
import torch

from storage.dataset.encoding import Sample
from storage.store.errors import CorruptArtifact, MissingArtifact
from tasks.inference.loading import framed, recipe_of, reconstructor, understood, validation
from tasks.runtime.recipes import ModelRecipe
from tests.storage.material import row, sample
from tests.tasks.material import tiny_model


def test_the_loaded_model_answers_photos(model, crops):
    batch = validation(crops, 32, 2).batch(torch.arange(1))
    ours = reconstructor(model, "cpu:0")
    assert ours.render(ours.predict(batch), 32).rgb.shape == (1, 32, 32, 3)


def test_it_knows_its_recipe(model, vit):
    assert recipe_of(model) == tiny_model(vit)


def test_a_run_without_a_finished_model_says_what_to_do(model):
    with pytest.raises(MissingArtifact, match="run the stage that makes it"):
        recipe_of(model.model_copy(update={"run": "nowhere"}))


def test_a_recipe_of_another_version_is_named_with_its_place_and_what_is_strange_in_it(model, vit):
    said = tiny_model(vit).model_dump(mode="json") | {"wings": 2}
    with pytest.raises(CorruptArtifact, match=r"data/cow/runs/x: holds a recipe of another version \(wings: "):
        understood(ModelRecipe, said, "data/cow/runs/x")


def test_never_more_than_asked_for(crops):
    assert len(validation(crops, 32, 1)) == 1


def test_a_view_word_becomes_its_number_and_an_unknown_one_minus_one():
    views = {
        view: framed(sample(0, view=view, width=16, height=16)).view for view in ("front", "side", "back", "above", "")
    }
    assert views == {"front": 0, "side": 1, "back": 2, "above": -1, "": -1}


def test_a_sample_without_a_picture_is_nothing_to_learn_from():
    with pytest.raises(ValueError, match="sample cow-[0-9a-f]+ has no image or no mask"):
        framed(Sample(row(0)))
