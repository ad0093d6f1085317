"""Crops of one shard: each animal cut out of its photo, or the reason why it is dropped."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.data.framing import crop_box, cut
from models.filters import mask_rules
from models.filters.duplicates import phash
from models.segmenters import Instance
from storage.dataset import samples, shards
from storage.dataset.encoding import Sample
from storage.store.references import ShardRef
from tasks.filter import Verdicts, pixels
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, acquire_device, cached_model
from tasks.runtime.recipes import CropRecipe
from tasks.runtime.retries import DELAYS_SECONDS, is_transient
from tasks.runtime.reuse import reuse

BATCH_SIZE = 16
"""Photos segmented in one call."""


@task(
    task_run_name="segment-{verdicts.photos.category}-{verdicts.photos.index:05d}",
    retries=2,
    retry_delay_seconds=DELAYS_SECONDS,
    retry_condition_fn=is_transient,
    cache_policy=NO_CACHE,
)
def segment(verdicts: Verdicts, recipe: CropRecipe, device: Device = "auto") -> ShardRef:
    """Masked square crops of a shard's photos, and a row with its reason for every dropped one.

    Raises MissingWeights if the segmenter has none, CorruptArtifact if the photos are not what was committed.
    """
    crops = verdicts.crops
    with shards.hold_shard(crops):
        if instances := shards.find_committed(crops):
            return reuse(crops, f"{instances.kept} crops are there")
        photos = samples.of_shard(verdicts.photos)
        with acquire_device(device) as where:
            made = list(_cut(photos, verdicts, recipe, where))
        manifest = shards.write(crops, made, recipe, shards.manifest(verdicts.photos).tar_sha256)
    rows = artifacts.counts(manifest.rows, manifest.kept, manifest.reasons)
    artifacts.table(f"segment-{crops.category}", rows, f"shard {crops.index}: photos to crops")
    artifacts.page(f"crops-{crops.category}", _page(photos, crops), f"shard {crops.index}: crops kept, photos dropped")
    return crops


def _cut(photos: samples.Samples, verdicts: Verdicts, recipe: CropRecipe, where: str) -> Iterator[Sample]:
    for start in range(0, len(photos), BATCH_SIZE):
        some = [photos[number] for number in range(start, min(start + BATCH_SIZE, len(photos)))]
        good = [each for each in some if each.row.key not in verdicts.dropped]
        instances = _instances(good, recipe, where)
        yield from (_judge(each, instances.get(each.row.key, []), verdicts.dropped, recipe) for each in some)
    yield from (Sample(row) for row in photos.absent)


def _instances(photos: Sequence[Sample], recipe: CropRecipe, where: str) -> dict[str, list[Instance]]:
    """The animals in each photo by its key: under the mask that came with it, else what the segmenter finds."""
    known = [each for each in photos if each.mask is not None]
    instances = {
        each.row.key: [Instance(each.mask, 1.0, recipe.segment_as[0])] for each in known if each.mask is not None
    }
    asked = [each for each in photos if each.mask is None]
    for _, group in groupby(asked, lambda each: pixels(each).shape):
        alike = list(group)
        answers = cached_model(recipe.segmenter, where).segment(
            np.stack([pixels(each) for each in alike]), recipe.segment_as
        )
        instances |= dict(zip((each.row.key for each in alike), answers, strict=True))
    return instances


def _judge(photo: Sample, instances: Sequence[Instance], dropped: Mapping[str, str], recipe: CropRecipe) -> Sample:
    """The crop of a photo, or its row with the reason why there is none."""
    reason = dropped.get(photo.row.key) or mask_rules.verdict(instances, recipe.mask_rules)
    if reason:
        return Sample(photo.row.model_copy(update={"kept": False, "reason": reason}))
    best = instances[0]
    box = crop_box(best.mask)
    crop = cut(pixels(photo), box, recipe.size)
    row = photo.row.model_copy(update={"box": box, "scores": {"mask": best.score}, "phash": f"{phash(crop):016x}"})
    return Sample(row, crop, cut(best.mask, box, recipe.size))


def sheets(photos: samples.Samples, crops: samples.Samples) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Contact sheets of a shard: crops that were kept, and photos that were dropped under their reasons."""
    kept = [(pixels(each), f"{each.row.view}, {each.row.coat}") for each in crops]
    reasons = {row.key: row.reason for row in crops.absent}
    dropped = [(pixels(each), reasons[each.row.key]) for each in photos if each.row.key in reasons]
    return artifacts.sheet(kept), artifacts.sheet(dropped)


def _page(photos: samples.Samples, crops: ShardRef) -> str:
    kept, dropped = (artifacts.inline(each) for each in sheets(photos, samples.of_shard(crops)))
    return f"# {crops.category}, shard {crops.index}\n\n## Kept\n\n{kept}\n\n## Dropped\n\n{dropped}\n"
