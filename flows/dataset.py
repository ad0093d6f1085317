"""A data set: photos of one animal, filtered, cut out, cropped, in shards, and one snapshot that lists them."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from math import ceil, inf
from pathlib import Path
from time import monotonic
from typing import Any

from prefect import Flow, flow

from flows.plan.plan import Plan
from storage.dataset.pins import pin_category
from storage.store.references import DatasetRef, ShardRef
from tasks.filter import filter
from tasks.generate import generate
from tasks.inference.photo_listing import list_folder
from tasks.segment import segment
from tasks.shard import count_kept, shard

FEWEST = 2
"""Crops that somebody's own photos have to give."""


def get_dataset(plan: Plan) -> DatasetRef:
    """The data set of a plan.

    Named anew: Prefect would follow what a sub-flow answers, and every text in it, into the tasks that take it as an
    input of the type flow_run. Its default UI cannot read that: it shows no list of tasks, and none of their pages.
    """
    answer = dataset_flow(plan)(plan, FEWEST if plan.own_photos else plan.images)
    return plan.store.dataset(plan.category.name, int(str(answer.snapshot)))


@contextmanager
def pin_dataset(plan: Plan) -> Generator[DatasetRef]:
    """The data set of a plan, which is not pruned while the block runs, which learns from it."""
    with pin_category(plan.store.root, plan.category.name) as pin_snapshot:
        crops = get_dataset(plan)
        pin_snapshot(crops)
        yield crops


def dataset_flow(plan: Plan) -> Flow[..., DatasetRef]:
    """The flow `dataset`, whose shards are made where the plan says."""
    return dataset.with_options(task_runner=plan.runner.build())


@flow(name="dataset", flow_run_name="dataset-{plan.category.name}")
def dataset(
    plan: Plan, wanted: int, first: int = 0, again: Sequence[int] = (), minutes: float | None = None
) -> DatasetRef:
    """Photos until enough crops are kept, or all of somebody's own; shards that exist are reused.

    Args:
        plan: what is made, and how
        wanted: kept crops without which it fails
        first: shard from which on photos are drawn
        again: earlier shards that are made again
        minutes: no shard is begun when they are over
    """
    mended = process_shards(plan, again)
    crops = make_shards(plan, first, inf if minutes is None else monotonic() + 60 * minutes)
    return _detached(shard([*mended, *crops], wanted, plan.duplicate_recipe, plan.device))


def _detached(crops: DatasetRef) -> DatasetRef:
    """The same reference of texts of its own: those of the plan are in every other parameter of the run as well."""
    root, category = (text.encode().decode() for text in (crops.root, crops.category))
    return crops.model_copy(update={"root": root, "category": category})


def make_shards(plan: Plan, first: int = 0, until: float = inf) -> list[ShardRef]:
    """The crops of shard number `first` and of those after it, until there are enough or no more may be made.

    With a moment `until` of the monotonic clock, as many shards are made at a time as there are workers, and none are
    begun after it but the first ones.
    """
    crops: list[ShardRef] = []
    for indices in _rounds(plan, crops, first):
        crops.extend(process_shards(plan, indices if until == inf else indices[: plan.runner.workers]))
        if monotonic() >= until:
            break
    return crops


def max_shards(plan: Plan) -> int:
    """Shards that may be made: all of somebody's own photos, else what is needed where the least share is kept."""
    if plan.own_photos:
        return ceil(len(list_folder(Path(plan.own_photos.folder)).pictures) / plan.photos)
    return ceil(plan.images / max(1, plan.photos * plan.least_kept))


def process_shards(plan: Plan, indices: Sequence[int]) -> list[ShardRef]:
    """The crops of these shards.

    Workers take tasks in this order and wait for what they need, so each shard is cut out behind as many later drawings
    as there are workers: it finds its photos there, and others are drawn meanwhile.
    """
    photos: list[Any] = []
    verdicts: list[Any] = []
    crops: list[Any] = []
    ahead = plan.runner.workers
    for number in range(len(indices) + ahead):
        if number < len(indices):
            photos.append(generate.submit(plan.raw(indices[number]), plan.photo_recipe, plan.device, plan.own_photos))
        if ahead <= number:
            verdicts.append(filter.submit(photos[number - ahead], plan.crop_recipe))
            crops.append(segment.submit(verdicts[-1], plan.crop_recipe, plan.device))
    for each in (*photos, *verdicts):
        each.result()  # raises the cause; a later stage would only say that it was not ready
    return [each.result() for each in crops]


def _rounds(plan: Plan, crops: list[ShardRef], first: int) -> Iterator[range]:
    """Numbers of the shards to make next, by the share that was kept so far; at first all are taken to be kept.

    Somebody's own photos are taken all at once, and always from the first on.
    """
    last = max_shards(plan)
    while plan.own_photos and len(crops) < last:
        yield range(len(crops), last)
    while not plan.own_photos and (count := _kept(plan, crops)) < plan.images and len(crops) < last:
        share = count / (len(crops) * plan.photos) if count else (1.0 if not crops else plan.least_kept)
        missing = ceil((plan.images - count) / max(1, plan.photos * share))
        yield range(first + len(crops), first + min(last, len(crops) + missing))


def _kept(plan: Plan, crops: list[ShardRef]) -> int:
    return count_kept(crops, plan.duplicate_recipe, plan.device)
