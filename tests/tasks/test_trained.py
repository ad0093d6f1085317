import pytest
import torch

from storage.errors import MissingArtifact
from tasks.trained import recipe_of, reconstructor, validation
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


def test_never_more_than_asked_for(crops):
    assert len(validation(crops, 32, 1)) == 1
