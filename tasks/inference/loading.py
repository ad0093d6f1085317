"""A finished model, loaded to answer photos."""

import json
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ValidationError

from models.core.category import VIEWS, Category, Words
from models.core.weights import contents, locate
from models.data.crops import Crops
from models.data.framing import Crop
from models.features import VitConfig
from models.filters import ImageRules, MaskRules
from models.generators import StableDiffusionConfig
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.reconstructor import AnimalReconstructor
from models.methods.magicpony.refine import Refined
from models.methods.magicpony.warm_start import WarmStart
from models.rendering import ReferenceConfig
from models.segmenters import PointRendConfig
from storage.dataset import samples, snapshots
from storage.dataset.encoding import Sample
from storage.runs.checkpoints import weights_from
from storage.store import bundles, layout
from storage.store.errors import CorruptArtifact, words
from storage.store.references import DatasetRef, ModelRef
from tasks.runtime.devices import loaded, torch_device
from tasks.runtime.recipes import CropRecipe, ModelRecipe, PhotoRecipe

Recipe = TypeVar("Recipe", bound=BaseModel)


def recipe_of(model: ModelRef) -> ModelRecipe:
    """What the model was made by.

    Raises MissingArtifact if its training is not finished, CorruptArtifact if another version wrote it.
    """
    said = json.loads(bundles.read(layout.model(model), "recipe.json"))
    return understood(ModelRecipe, said, layout.model(model))


def crop_recipe(crops: DatasetRef) -> CropRecipe:
    """What the crops of a data set were made by.

    Raises CorruptArtifact if another version wrote it.
    """
    return understood(CropRecipe, snapshots.read(crops).config, layout.snapshot(crops))


def understood(kind: type[Recipe], said: object, where: str) -> Recipe:
    """A recipe as it was written down. Raises CorruptArtifact if another version wrote it."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        what = f"holds a recipe of another version ({words(error)})"
        raise CorruptArtifact(where, what, "run its category again, or read it with the code that wrote it") from error


def reconstructor(model: ModelRef, where: str, refine: bool = False) -> AnimalReconstructor:
    """The model at a place, with the renderer it was trained with; it may fit its answers to their masks."""
    recipe, device = recipe_of(model), torch_device(where)
    animal = recipe.animal.build(recipe.category, loaded(recipe.features, where))
    animal.load_state_dict(weights_from(bundles.read(layout.model(model), "animal.safetensors")))
    kind = Refined if refine else AnimalReconstructor
    return kind(animal.to(device).eval(), recipe.renderer.build(device))


def embedded_quadruped(where: str, refine: bool = False) -> AnimalReconstructor:
    """The quadruped that ships, which answers for every animal that no model was trained for."""
    animal = AnimalConfig.model_validate_json((_quadruped() / "config.json").read_bytes()).build(
        Category(name="quadruped", segment_as=PointRendConfig().classes()), loaded(VitConfig(), where)
    )
    WarmStart().load(animal)
    kind, device = Refined if refine else AnimalReconstructor, torch_device(where)
    return kind(animal.to(device).eval(), ReferenceConfig().build(device))


def embedded_crop_recipe(category: str) -> CropRecipe:
    """How the embedded segmenter cuts out whichever animal it knows."""
    generator = StableDiffusionConfig()
    return CropRecipe(
        photos=PhotoRecipe(words=Words(name=category), generator=generator, weights="", photos=1),
        segment_as=PointRendConfig().classes(),
        segmenter=PointRendConfig(),
        weights="",
        image_rules=ImageRules(),
        mask_rules=MaskRules(),
        size=generator.size,
    )


def quadruped_digest() -> str:
    """Digest of the files of the quadruped that ships."""
    return contents(_quadruped())


def _quadruped() -> Path:
    return Path(locate(WarmStart().model))


def validation(crops: DatasetRef, size: int, most: int) -> Crops:
    """At most so many crops that training does not see; training crops where there are none."""
    held_out = samples.of_dataset(crops, "validation")
    stored = held_out if len(held_out) else samples.of_dataset(crops, "train")
    return Crops([framed(sample) for sample in stored.first(most)], size, torch.device("cpu"))


def framed(sample: Sample) -> Crop:
    """A stored crop as a training set takes it.

    Raises ValueError if it has no image or no mask.
    """
    row = sample.row
    if sample.image is None or sample.mask is None:
        raise ValueError(f"sample {row.key} has no image or no mask; only kept crops can be learnt from")
    view = VIEWS.index(row.view) if row.view in VIEWS else -1
    return Crop(sample.image, sample.mask, sample.valid, view)
