import pytest
from pydantic import ValidationError

from models.core.category import Category, Words
from models.generators import StableDiffusionConfig
from models.methods import MagicPonyConfig
from models.rendering import ReferenceConfig
from storage.store.references import digest
from tasks.runtime.recipes import ModelRecipe, PhotoRecipe

RECIPE = PhotoRecipe(words=Words(name="cow"), generator=StableDiffusionConfig(), weights_digest="abc", photos=8)


def test_equal_recipes_have_one_digest_on_every_machine():
    assert digest(RECIPE) == digest(PhotoRecipe.model_validate_json(RECIPE.model_dump_json()))


def test_the_digests_of_the_data_sets_that_exist_stay():
    assert digest(RECIPE) == "7b03a3a21c54ff7f"
    assert digest(RECIPE.generator) == "631b045d50c73d2b"


@pytest.mark.parametrize(
    "change",
    [{"variant": "fp16"}, {"sampler": "DDIMScheduler"}, {"negative_prompt": "a toy"}, {"unsafe": "keep"}],
)
def test_everything_that_changes_photos_counts(change):
    changed = StableDiffusionConfig(**change)
    assert digest(changed) != digest(RECIPE.generator)
    assert StableDiffusionConfig.model_validate_json(changed.model_dump_json()) == changed


@pytest.mark.parametrize(
    "change", [{"weights_digest": "abd"}, {"photos": 9}, {"words": Words(name="cow", coats=("red",))}]
)
def test_every_part_of_a_recipe_counts(change):
    assert digest(RECIPE.model_copy(update=change)) != digest(RECIPE)


def test_the_weights_of_every_frozen_part_name_a_model():
    recipe = model_recipe({"vit": "abc", "warm_start": ""})
    assert ModelRecipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert digest(recipe) == digest(model_recipe({"warm_start": "", "vit": "abc"}))
    for other in ({"vit": "abd", "warm_start": ""}, {"vit": "abc", "warm_start": "def"}, {"vit": "abc"}):
        assert digest(model_recipe(other)) != digest(recipe)


def model_recipe(digests):
    category = Category(name="cow", segment_as=("cow",))
    method = MagicPonyConfig()
    return ModelRecipe(category=category, method=method, weights_digests=digests, renderer=ReferenceConfig())


def test_a_misspelt_part_is_refused():
    with pytest.raises(ValidationError, match="photoes"):
        PhotoRecipe.model_validate(RECIPE.model_dump() | {"photoes": 3})
