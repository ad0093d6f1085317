"""Single-photo inference: which model answers for a category, and what it makes of a photo.

Where no model of the category was published, the embedded quadruped answers and says so.
"""

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from models.core.errors import MissingModel, NothingKept
from models.data import framing as crop
from models.data.crops import Crops
from models.data.framing import AnimalCrop
from models.engine.loop import TrainingConfig
from models.export import film
from models.export.asset import asset
from models.methods.magicpony.reconstructor import AnimalReconstructor
from models.methods.magicpony.state import Prediction
from storage.formats.meshes import Asset
from storage.runs import releases
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.references import ModelRef
from tasks.inference.loading import (
    crop_recipe,
    embedded_crop_recipe,
    embedded_quadruped,
    quadruped_digest,
    recipe_of,
    reconstructor,
)
from tasks.runtime.devices import Device, loaded, place, torch_device
from tasks.runtime.recipes import CropRecipe

logger = logging.getLogger(__name__)

QUADRUPED = "embedded-quadruped"
"""Names the model that ships beside the runs of a category."""
FILMS = {"turntable": film.turntable, "walk": film.walking, "relit": film.relit}
Film = Literal["turntable", "walk", "relit"]


@dataclass(frozen=True)
class Answer:
    """The animal of one photo."""

    name: str
    ours: AnimalReconstructor
    prediction: Prediction

    def asset(self, texture: int) -> Asset:
        """Rigged and textured."""
        return Asset(**vars(asset(self.ours, self.prediction, 0, self.name, texture)))

    def film(self, kind: Film, size: int, frames: int) -> np.ndarray:
        """Frames (frames, size, size, 3)."""
        return FILMS[kind](self.ours, self.prediction, size, frames)


@dataclass(frozen=True)
class SelectedModel:
    """The model that answers for a category, and how its photos were cut out."""

    category: str
    model: ModelRef | None
    """None: the embedded quadruped."""
    recipe: CropRecipe
    size: int
    """Pixels along an edge of the crops that it was trained on."""

    @property
    def name(self) -> str:
        """The run that trained it."""
        return self.model.run if self.model else QUADRUPED

    @property
    def weights_digest(self) -> str:
        """Digest of its weights."""
        if self.model is None:
            return quadruped_digest()
        bundle = bundles.committed(layout.model(self.model))
        return bundle.files["animal.safetensors"].sha256 if bundle else ""

    def load(self, where: str, refine: bool = False) -> AnimalReconstructor:
        """The model at a place; it may fit its answers to their masks."""
        return reconstructor(self.model, where, refine) if self.model else embedded_quadruped(where, refine)


def answer(
    photo: np.ndarray,
    category: str,
    root: str,
    device: Device = "auto",
    mask: np.ndarray | None = None,
    refine: bool = True,
) -> Answer:
    """The animal in a photo (height, width, 3), under the mask if there is one, by the category's best model.

    The category may name a release of it, as `cow/laptop-0123`. The animal is fitted to its mask, or left as predicted.

    Raises MissingModel if the named one was not published, NothingKept if there is no such animal in the photo.
    """
    chosen = select_model(category, root)
    with place(device) as where:
        ours = chosen.load(where, refine)
        samples: Any = [cropped(photo, chosen.recipe, where, mask)]
        batch = Crops(samples, chosen.size, torch_device(where)).batch(torch.tensor([0]))
        return Answer(chosen.category, ours, ours.predict(batch))


def select_model(category: str, root: str) -> SelectedModel:
    """The model of the release that answers for a category, or of the one that is named as `cow/laptop-0123`.

    Where the category has no release, the embedded quadruped is taken, with a line in the log that says so.

    Raises MissingModel if a release is named that is not there.
    """
    store = Store(root)
    release = releases.select_release(store, category)
    if release is None:
        animal, _, run = category.partition("/")
        runs = ", ".join(release.ref.run for release in releases.published_releases(store, animal))
        remedy = f"choose among {runs}" if runs else f"train one with `farm3d run {animal}`"
        if run:
            raise MissingModel(f"{store.root}: no model of {category!r} was published; {remedy}")
        why = f"no {'farm3d ' if runs else ''}model of {animal!r} was published under {store.root}; {remedy}"
        logger.warning("the embedded quadruped answers: %s", why)
        return SelectedModel(animal, None, embedded_crop_recipe(animal), TrainingConfig().size)
    crops = store.dataset(release.ref.category, release.about.snapshot)
    model = store.model(release.ref.category, release.ref.run)
    return SelectedModel(release.ref.category, model, crop_recipe(crops), recipe_of(model).training.size)


def cropped(photo: np.ndarray, recipe: CropRecipe, where: str, mask: np.ndarray | None = None) -> AnimalCrop:
    """The animal under the mask; where that is not given, the likeliest one that the segmenter finds.

    Raises NothingKept if it finds none.
    """
    mask = _found(photo, recipe, where) if mask is None else mask
    return crop.crop_animal(photo, mask, recipe.size)


def _found(photo: np.ndarray, recipe: CropRecipe, where: str) -> np.ndarray:
    """The mask of the likeliest animal, looked for at the size that the segmenter knows."""
    height, width = photo.shape[:2]
    scale = recipe.photos.generator.size / max(height, width)
    seen = Image.fromarray(photo).resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    found = loaded(recipe.segmenter, where).segment(np.array(seen)[None], recipe.segment_as)[0]
    if not found:
        raise NothingKept(f"no {recipe.photos.words.name} was found in the photo; give one that shows the whole animal")
    grey = Image.fromarray(found[0].mask.astype(np.uint8) * 255)
    return np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR)) > 127
