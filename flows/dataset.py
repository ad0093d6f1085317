"""A data set: photos of one animal, filtered, cut out, cropped, in shards, and one snapshot that lists them."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.plan import Plan
from storage.records import DatasetRef, ShardRef
from tasks.filter import filter
from tasks.generate import generate
from tasks.photos import pictures
from tasks.segment import segment
from tasks.shard import kept, shard

FEWEST = 2
"""Crops that somebody's own photos have to give."""
RUNNER: Any = ThreadPoolTaskRunner(max_workers=2)
"""Shards in the making at once: one may be cut out while another is drawn."""


@flow(name="dataset", flow_run_name="dataset-{plan.category.name}", task_runner=RUNNER)
def dataset(plan: Plan) -> DatasetRef:
    """Photos until enough crops are kept, or all of somebody's own; shards that exist are reused."""
    crops: list[ShardRef] = []
    for indices in _rounds(plan, crops):
        photos: list[Any] = [generate.submit(plan.raw(index), plan.photo_recipe, plan.device) for index in indices]
        verdicts: list[Any] = [filter.submit(each, plan.crop_recipe) for each in photos]
        cut = [segment.submit(each, plan.crop_recipe, plan.device) for each in verdicts]
        for each in (*photos, *verdicts):
            each.result()  # raises the cause; a later stage would only say that it was not ready
        crops.extend(each.result() for each in cut)
    return shard(crops, FEWEST if plan.own_photos else plan.images, plan.duplicate_recipe, plan.device)


def _rounds(plan: Plan, crops: list[ShardRef]) -> Iterator[range]:
    """Numbers of the shards to make next, by the share that was kept so far; at first all are taken to be kept.

    Somebody's own photos are taken all at once. Else it ends when there are enough crops, or so many photos that
    fewer than the plan's least share is kept.
    """
    if plan.own_photos:
        yield range(ceil(len(pictures(Path(plan.own_photos.folder))) / plan.photos))
        return
    most = ceil(plan.images / max(1, plan.photos * plan.least_kept))
    while (count := kept(crops, plan.duplicate_recipe, plan.device)) < plan.images and len(crops) < most:
        share = count / (len(crops) * plan.photos) if count else (1.0 if not crops else plan.least_kept)
        missing = ceil((plan.images - count) / max(1, plan.photos * share))
        yield range(len(crops), min(most, len(crops) + missing))
