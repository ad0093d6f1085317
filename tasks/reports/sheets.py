"""Contact sheets of a whole data set."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from storage.dataset import snapshots
from storage.dataset.records import NEAR, SampleRow
from storage.dataset.samples import ByKey
from storage.store.layout import Store
from storage.store.references import DatasetRef, ShardRef
from tasks.filter import pixels
from tasks.runtime import artifacts

Each = TypeVar("Each")
Placed = tuple[ShardRef, SampleRow]
THUMB = 128
"""Pixels along the longer side of a picture on a sheet."""


def sheets(ref: DatasetRef, index: Sequence[Placed]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Crops that were kept, evenly over the data set, and photos that were dropped, as many for each reason.

    `index` is the data set's `catalogue.rows_with_shard`. A near-duplicate is shown as its crop: its photo was good.
    """
    photos, stored = snapshots.read(ref).photos_digest, ByKey()

    def picture(shard: ShardRef, row: SampleRow) -> np.ndarray:
        crop = row.kept or row.reason == NEAR
        place = shard if crop else Store(ref.root).raw(ref.category, photos, shard.index)
        return thumbnail(pixels(stored.sample(place, row.key)))

    kept = evenly_spaced([each for each in index if each[1].kept], artifacts.MOST_PICTURES)
    # Of somebody's own files some are no photos.
    seen = [each for each in index if not each[1].kept and each[1].photo_width]
    reasons = sorted({row.reason for _, row in seen})
    dropped = [
        each
        for reason in reasons
        for each in evenly_spaced(
            [each for each in seen if each[1].reason == reason], max(1, artifacts.MOST_PICTURES // len(reasons))
        )
    ]
    return (
        artifacts.sheet([(picture(*each), f"{each[1].view} {each[1].coat}".strip()) for each in kept]),
        artifacts.sheet([(picture(*each), each[1].reason) for each in dropped]),
    )


def evenly_spaced(some: Sequence[Each], count: int) -> list[Each]:
    """So many of them at even distances, or all."""
    return [some[place] for place in np.linspace(0, len(some) - 1, min(count, len(some))).round().astype(int)]


def thumbnail(image: np.ndarray) -> np.ndarray:
    """The picture in a square."""
    return np.asarray(ImageOps.pad(Image.fromarray(image), (THUMB, THUMB), color="white"))
