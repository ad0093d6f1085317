"""A snapshot: the list of shards that a run reads."""

from collections import Counter
from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.core.errors import NothingKept
from storage.dataset import shards, snapshots
from storage.dataset.records import NEAR
from storage.store.references import DatasetRef, ShardRef
from tasks.runtime import artifacts
from tasks.runtime.devices import Device
from tasks.runtime.near_duplicates import find_duplicates
from tasks.runtime.recipes import DuplicateRecipe


@task(task_run_name="shard-{crops[0].category}", cache_policy=NO_CACHE)
def shard(crops: Sequence[ShardRef], wanted: int, alike: DuplicateRecipe, device: Device = "auto") -> DatasetRef:
    """Commit a snapshot of curated shards and of all earlier ones of their recipe, without near-duplicates.

    Raises NothingKept if fewer crops than wanted survived the filters.
    """
    manifests = [shards.manifest(each) for each in crops]
    attempted, count = sum(each.rows for each in manifests), count_kept(crops, alike, device)
    reasons = +Counter({NEAR: sum(each.kept for each in manifests) - count})
    for each in manifests:
        reasons.update(each.reasons)
    if count < wanted:
        told = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common()) or "nothing"
        raise NothingKept(
            f"{crops[0].category}: {count} of {attempted} photos survived the filters and {wanted} are wanted; "
            f"dropped: {told}; look at the contact sheets, then loosen the rules, mend the prompts or lower `images`"
        )
    dataset = snapshots.commit(crops, lambda shards: find_duplicates(shards, alike, device))
    rows = artifacts.counts(attempted, count, reasons)
    artifacts.table(f"dataset-{dataset.category}", rows, f"snapshot {dataset.snapshot}: photos to crops")
    return dataset


def count_kept(crops: Sequence[ShardRef], alike: DuplicateRecipe, device: Device = "auto") -> int:
    """Crops in these shards, without near-duplicates."""
    return sum(shards.manifest(each).kept for each in crops) - len(find_duplicates(crops, alike, device).resembles)
