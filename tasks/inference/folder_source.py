"""Somebody's own photos as the raw material of a data set, in the place of generated ones."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from storage.dataset.encoding import Sample
from storage.dataset.records import SampleRow, content_key, split_of
from storage.store.references import ShardRef
from tasks.inference.image_io import load_image
from tasks.inference.photo_listing import describe_others, list_folder, shown_name
from tasks.runtime import artifacts
from tasks.runtime.recipes import OwnPhotos, PhotoRecipe

logger = logging.getLogger(__name__)

OWN = "own photos"
"""Stands in a row for the generator. Not where they lie, which a moved folder would change."""
NO_PICTURE, UNUSABLE = "no picture", "unusable"
"""Why a file of the folder gives no photo."""


def folder_samples(shard: ShardRef, recipe: PhotoRecipe, own: OwnPhotos) -> Iterator[Sample]:
    """The shard's part of the folder, with the masks that are known, and a row for each file that cannot be used.

    The first shard has the rows of the files that are no pictures by their names.

    Raises ValueError if there is no picture, or if no photo of the shard can be used.
    """
    listing = list_folder(Path(own.folder))
    files = listing.pictures[shard.index * recipe.photos : (shard.index + 1) * recipe.photos]
    skipped: dict[str, str] = {}
    for file in files:
        name = shown_name(file, listing.folder)
        try:
            image, mask = load_image(file)
        except ValueError as error:
            skipped[name] = str(error)
            yield Sample(_row(name, recipe, reason=UNUSABLE))
            continue
        image, mask = _fitted(image, own.size), None if mask is None else _fitted(mask, own.size)
        yield Sample(_row(name, recipe, image.shape), image, mask)
    if skipped:
        rows = [{"photo": name, "reason": reason} for name, reason in skipped.items()]
        artifacts.table(
            f"skipped-{shard.category}-{shard.index:05d}", rows, f"photos of {own.folder} that were skipped"
        )
    if len(skipped) == len(files):
        raise ValueError(f"{own.folder}: no photo of shard {shard.index} can be used; {'; '.join(skipped.values())}")
    if shard.index == 0 and listing.others:
        logger.warning(describe_others(listing.folder, listing.others))
        yield from (
            Sample(_row(shown_name(file, listing.folder), recipe, reason=NO_PICTURE)) for file in listing.others
        )


def _fitted(pixels: np.ndarray, longest: int) -> np.ndarray:
    """The same picture or mask with this longer side."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels)
    resized = np.array(image.resize(shape, Image.Resampling.LANCZOS))
    return resized > 127 if pixels.dtype == bool else resized


def _row(name: str, recipe: PhotoRecipe, shape: tuple[int, ...] = (0, 0), reason: str = "") -> SampleRow:
    key = content_key(recipe.words.name, recipe.weights_digest, name, 0)
    return SampleRow(
        key=key,
        category=recipe.words.name,
        prompt=name,
        seed=0,
        model=OWN,
        model_digest=recipe.weights_digest,
        photo_width=shape[1],
        photo_height=shape[0],
        kept=not reason,
        reason=reason,
        split=split_of(key),
    )
