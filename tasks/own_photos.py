"""Somebody's own photos as the raw material of a data set, in the place of generated ones."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from models.recipes import OwnPhotos, PhotoRecipe
from storage.members import Sample
from storage.records import SampleRow, ShardRef, content_key, split_of
from tasks import artifacts
from tasks.photos import opened, pictures


def brought(shard: ShardRef, recipe: PhotoRecipe, own: OwnPhotos) -> Iterator[Sample]:
    """The shard's part of the folder, with the masks that are known; what cannot be used is listed in the UI.

    Raises ValueError if no photo of the shard can be used.
    """
    files = pictures(Path(own.folder))[shard.index * recipe.photos : (shard.index + 1) * recipe.photos]
    skipped: dict[str, str] = {}
    for file in files:
        try:
            image, mask = opened(file)
        except ValueError as error:
            skipped[file.name] = str(error)
            continue
        image, mask = _fitted(image, own.size), None if mask is None else _fitted(mask, own.size)
        yield Sample(_row(file.name, image, recipe, own), image, mask)
    if skipped:
        rows = [{"photo": name, "reason": reason} for name, reason in skipped.items()]
        artifacts.table(
            f"skipped-{shard.category}-{shard.index:05d}", rows, f"photos of {own.folder} that were skipped"
        )
    if len(skipped) == len(files):
        raise ValueError(f"{own.folder}: no photo of shard {shard.index} can be used; {'; '.join(skipped.values())}")


def _fitted(pixels: np.ndarray, longest: int) -> np.ndarray:
    """The same picture or mask with this longer side."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels)
    resized = np.array(image.resize(shape, Image.Resampling.LANCZOS))
    return resized > 127 if pixels.dtype == bool else resized


def _row(name: str, image: np.ndarray, recipe: PhotoRecipe, own: OwnPhotos) -> SampleRow:
    key = content_key(recipe.words.name, recipe.weights, name, 0)
    return SampleRow(
        key=key,
        category=recipe.words.name,
        prompt=name,
        seed=0,
        model=own.folder,
        model_digest=recipe.weights,
        photo_width=image.shape[1],
        photo_height=image.shape[0],
        split=split_of(key),
    )
