"""A finished model, loaded to answer photos."""

from typing import Any

import torch

from models.category import VIEWS
from models.recipes import ModelRecipe
from models.reconstruction import AnimalReconstructor
from models.training.batch import Crops
from storage import bundles, layout, samples
from storage.checkpoints import weights_from
from storage.records import DatasetRef, ModelRef
from tasks.machine import loaded, torch_device


def recipe_of(model: ModelRef) -> ModelRecipe:
    """What the model was made by.

    Raises MissingArtifact if its training is not finished.
    """
    return ModelRecipe.model_validate_json(bundles.read(layout.model(model), "recipe.json"))


def reconstructor(model: ModelRef, where: str) -> AnimalReconstructor:
    """The model at a place, with the renderer it was trained with."""
    recipe, device = recipe_of(model), torch_device(where)
    animal = recipe.animal.build(recipe.category, loaded(recipe.features, where))
    animal.load_state_dict(weights_from(bundles.read(layout.model(model), "animal.safetensors")))
    return AnimalReconstructor(animal.to(device).eval(), recipe.renderer.build(device))


def validation(crops: DatasetRef, size: int, most: int) -> Crops:
    """At most so many crops that training does not see; training crops where there are none."""
    held = samples.of_dataset(crops, "validation", VIEWS)
    held = held if len(held) else samples.of_dataset(crops, "train", VIEWS)
    chosen: Any = samples.Samples(held.rows[:most], held.tars[:most], held.views)
    return Crops(chosen, size, torch.device("cpu"))
