"""Single-photo inference: which model answers for a category, and what it makes of a photo.

Where no model of the category was published, the embedded taught quadruped answers and says so.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from models.core.errors import MissingModel, NothingKept
from models.data import framing as crop
from models.data.framing import AnimalCrop
from models.export import film
from models.export.asset import Asset, asset, is_exportable
from models.filters.mask_rules import MaskRules, animals, split_crowd
from models.rendering import Renderer
from models.rendering.reconstruction import Reconstruction, Reconstructor
from models.segmenters import Instance, PointRendConfig, TransformersConfig
from storage.runs import releases
from storage.store.layout import Store
from storage.store.references import ModelRef
from tasks.inference.loading import (
    crop_recipe,
    embedded_crop_recipe,
    embedded_recipe,
    recipe_of,
    reconstructor,
    setting,
    stage_digests,
    start,
    usable_crop_recipe,
    with_segmenter,
)
from tasks.runtime.devices import cached_model
from tasks.runtime.recipes import CropRecipe, ModelRecipe

logger = logging.getLogger(__name__)

TAUGHT = "taught-quadruped"
"""Names the model that ships beside the runs of a category."""
LEAST_PX = 640
"""Pixels along the longer edge of a photo below which models that were taught COCO see too little."""
CLOSER = 3
"""Times the size that it knows at which the embedded segmenter looks at a photo of several animals again: each of three
beside one another is then as large as the one that it was taught to see."""
Film = Literal["turntable", "walk", "relit"]


@dataclass(frozen=True)
class Answer:
    """The animal of one photo."""

    name: str
    reconstruction: Reconstruction
    renderer: Renderer

    @property
    def is_rigged(self) -> bool:
        """Whether it has the rig and the texture of which `asset` is made."""
        return is_exportable(self.reconstruction)

    @property
    def origin(self) -> Mapping[str, str]:
        """What the file of its mesh says of where it comes from."""
        return {}

    def asset(self, texture: int, shoulder_height: float = 1.0) -> Asset:
        """Rigged and textured, `shoulder_height` metres high at the withers.

        Raises ValueError where the method gives no rig or no texture.
        """
        if not is_exportable(self.reconstruction):
            raise ValueError(f"{self.name}: the answer has no rig or no texture; {self._remedy}")
        return asset(self.reconstruction, self.renderer, 0, self.name, texture, shoulder_height)

    def film(self, kind: Film, size: int, frames: int) -> np.ndarray:
        """Frames (frames, size, size, 3). Raises ValueError where the method cannot be filmed like that."""
        known = film.films(self.reconstruction)
        if kind not in known:
            raise ValueError(f"{self.name}: film {kind!r} cannot be made of the answer; {self._remedy}")
        return known[kind](size, frames)

    @property
    def _remedy(self) -> str:
        """What else can be had."""
        films = ", ".join(film.films(self.reconstruction)) or "none"
        return f"films of it: {films}; or ask another method's release with --category {self.name}/RUN"


@dataclass(frozen=True)
class SelectedModel:
    """The model that answers for a category, and how its photos were cut out."""

    category: str
    model: ModelRef | None
    """None: the taught quadruped."""
    recipe: ModelRecipe
    crops: CropRecipe

    @property
    def name(self) -> str:
        """The run that trained it."""
        return self.model.run if self.model else TAUGHT

    @property
    def size(self) -> int:
        """Pixels along an edge of the crops that it reads."""
        return self.recipe.method.resolution

    @property
    def weights_digests(self) -> dict[str, str]:
        """Digests of its weights by the stage that made them."""
        return stage_digests(self.model) if self.model else self.recipe.weights_digests

    def load(self, where: str, refine: bool = False) -> Reconstructor:
        """The model on a device; it may fit its answers to their masks."""
        return reconstructor(self.model, where, refine) if self.model else start(self.recipe, where, refine)

    def renderer(self, where: str) -> Renderer:
        """What its answers are drawn with."""
        return setting(self.recipe, where).renderer


def select_model(category: str, root: str, segmenter: TransformersConfig | None = None) -> SelectedModel:
    """The model of the release that answers for a category, or of the one that is named as `cow/farm3d-laptop-0123`.

    Where the category has no release, the taught quadruped is taken, with a line in the log that says so. Photos are
    cut out as its training pictures were, or by `segmenter`.

    Raises MissingModel if a release is named that is not there, MissingWeights for a segmenter that cannot be had.
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
        logger.warning("the taught quadruped answers: %s", why)
        selected = SelectedModel(animal, None, embedded_recipe(), embedded_crop_recipe(animal))
    else:
        dataset = store.dataset(release.ref.category, release.about.snapshot)
        model = store.model(release.ref.category, release.ref.run)
        selected = SelectedModel(release.ref.category, model, recipe_of(model), crop_recipe(dataset))
    if segmenter:
        segmenter.check_available("cpu")
    # One that was chosen is taken or refused; the one of the training pictures may have to be replaced here.
    crops = with_segmenter(selected.crops, segmenter) if segmenter else usable_crop_recipe(selected.crops, "cpu")
    return replace(selected, crops=crops)


def crop_photo(photo: np.ndarray, recipe: CropRecipe, where: str, mask: np.ndarray | None = None) -> AnimalCrop:
    """The animal under the mask; where that is not given, the likeliest one that the segmenter finds.

    Raises NothingKept if it finds none.
    """
    if mask is None:
        if not (instances := _segment(photo, recipe, where)):
            raise _nothing(recipe)
        if (count := len(animals(instances, recipe.mask_rules))) > 1:
            logger.warning(
                "%d animals are in the photo; this takes the likeliest: a mask of another chooses that", count
            )
        mask = _enlarged(instances[0].mask, photo)
    return crop.crop_animal(photo, mask, recipe.size)


def crop_animals(photo: np.ndarray, recipe: CropRecipe, where: str, mask: np.ndarray | None = None) -> list[AnimalCrop]:
    """Every animal that the segmenter finds, from left to right; the one under the mask where that is given.

    Raises NothingKept if it finds none.
    """
    masks = [mask] if mask is not None else _find_masks(photo, recipe, where)
    crops = [crop.crop_animal(photo, one, recipe.size) for one in masks]
    return sorted(crops, key=lambda animal: 2 * animal.box.left + animal.box.width)


def _nothing(recipe: CropRecipe) -> NothingKept:
    return NothingKept(f"no {recipe.photos.words.name} was found in the photo; give one that shows the whole animal")


def _find_masks(photo: np.ndarray, recipe: CropRecipe, where: str) -> list[np.ndarray]:
    """Masks of all animals, the likeliest first. The embedded segmenter looks closer, too, where the photo shows more.

    At the size that it knows it overlooks animals beside others, or takes those that touch for one.
    """
    rules = recipe.mask_rules
    masks = [animal.mask for animal in animals(_segment(photo, recipe, where), rules)]
    is_crowded = not masks or any(len(split_crowd(mask, rules)) > 1 for mask in masks)
    shows_more = is_crowded or max(photo.shape[:2]) > recipe.photos.generator.size
    if shows_more and isinstance(recipe.segmenter, PointRendConfig):
        closer = [animal.mask for animal in animals(_segment(photo, recipe, where, CLOSER), rules)]
        bodies = [body for mask in closer for body in split_crowd(mask, rules)]
        if not is_crowded:
            masks = _with_bodies(masks, bodies, rules)
        elif len(bodies) > 1:
            masks = bodies
    if not masks:
        raise _nothing(recipe)
    return [_enlarged(mask, photo) for mask in masks]


def _with_bodies(masks: list[np.ndarray], bodies: list[np.ndarray], rules: MaskRules) -> list[np.ndarray]:
    """The animals and those overlooked beside them: `bodies` of some size that lie outside.

    `masks` as they are where none does: seen closer, an animal that fills the photo comes in pieces.
    """
    if not bodies:
        return masks
    coarse = _completed([_enlarged(mask, bodies[0]) for mask in masks], bodies)
    least = rules.other_area * max(mask.sum() for mask in coarse)
    beside = [
        body for body in bodies if body.sum() >= least and all((body & mask).sum() < body.sum() / 2 for mask in coarse)
    ]
    if not beside:
        return coarse if any(mask is body for mask in coarse for body in bodies) else masks
    # A body that covers more of an animal than not is the same one, seen finer.
    finer = [max(bodies, key=lambda body: (body & mask).sum() / (body | mask).sum()) for mask in coarse]
    return [
        body if (body & mask).sum() > (body | mask).sum() / 2 else mask
        for body, mask in zip(finer, coarse, strict=True)
    ] + beside


def _completed(masks: list[np.ndarray], bodies: list[np.ndarray]) -> list[np.ndarray]:
    """The masks, but in the place of those that are less than half of a body that body, once."""
    whole: list[np.ndarray] = []
    for mask in masks:
        body = max(bodies, key=lambda body: (body & mask).sum())
        is_part = (body & mask).sum() > mask.sum() / 2 and mask.sum() < body.sum() / 2
        found = body if is_part else mask
        if not any(found is other for other in whole):
            whole.append(found)
    return whole


def _segment(photo: np.ndarray, recipe: CropRecipe, where: str, closer: int = 1) -> list[Instance]:
    """The animals, likeliest first, looked for at the size that the segmenter knows or at so many times that."""
    height, width = photo.shape[:2]
    known = closer * recipe.photos.generator.size
    scale = (max(known, LEAST_PX) if isinstance(recipe.segmenter, TransformersConfig) else known) / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = Image.fromarray(photo).resize(shape, Image.Resampling.LANCZOS)
    return cached_model(recipe.segmenter, where).segment(np.array(scaled)[None], recipe.segment_as)[0]


def _enlarged(mask: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """As large as the photo."""
    height, width = photo.shape[:2]
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR)) > 127
