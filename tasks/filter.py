"""Image rules: which photos are not worth cutting out."""

from collections import Counter

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.filters import image_rules
from storage.dataset import samples, shards
from storage.dataset.encoding import Sample
from storage.store.layout import Store
from storage.store.references import Record, ShardRef, digest
from tasks.runtime import artifacts
from tasks.runtime.recipes import CropRecipe
from tasks.runtime.reuse import reuse


class Verdicts(Record):
    """A shard of photos, and the reason by key for each that was dropped."""

    photos: ShardRef
    crops: ShardRef
    dropped: dict[str, str] = {}


@task(task_run_name="filter-{photos.category}-{photos.index:05d}", cache_policy=NO_CACHE)
def filter(photos: ShardRef, recipe: CropRecipe) -> Verdicts:
    """A verdict on every photo of a shard, by the image rules."""
    crops = Store(photos.root).curated(photos.category, digest(recipe), photos.index)
    if shards.find_committed(crops):
        return reuse(Verdicts(photos=photos, crops=crops), "the crops are there")
    photographs = samples.of_shard(photos)
    verdicts = ((each.row.key, image_rules.verdict(pixels(each), recipe.image_rules)) for each in photographs)
    dropped = {key: reason for key, reason in verdicts if reason}
    rows = artifacts.counts(len(photographs), len(photographs) - len(dropped), Counter(dropped.values()))
    artifacts.table(f"filter-{photos.category}", rows, f"shard {photos.index}: photos dropped by the image rules")
    return Verdicts(photos=photos, crops=crops, dropped=dropped)


def pixels(photo: Sample) -> np.ndarray:
    """The image of a stored sample."""
    if photo.image is None:
        raise ValueError(f"sample {photo.row.key} has no image; only stored samples can be looked at")
    return photo.image
