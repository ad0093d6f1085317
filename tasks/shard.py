"""A snapshot: the list of shards that a run reads."""

from collections import Counter
from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.errors import NothingKept
from storage import shards, snapshots
from storage.records import DatasetRef, ShardRef
from tasks import artifacts


@task(task_run_name="shard-{crops[0].category}", cache_policy=NO_CACHE)
def shard(crops: Sequence[ShardRef], wanted: int) -> DatasetRef:
    """Commit a snapshot of curated shards and of all earlier ones of their recipe.

    Raises NothingKept if fewer crops than wanted survived the filters.
    """
    manifests = [shards.manifest(each) for each in crops]
    attempted, reasons = sum(each.rows for each in manifests), Counter[str]()
    for each in manifests:
        reasons.update(each.reasons)
    if (count := kept(crops)) < wanted:
        told = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common()) or "nothing"
        raise NothingKept(
            f"{crops[0].category}: {count} of {attempted} photos survived the filters and {wanted} are wanted; "
            f"dropped: {told}; look at the contact sheets, then loosen the rules, mend the prompts or lower `images`"
        )
    dataset = snapshots.commit(crops)
    rows = artifacts.counts(attempted, count, reasons)
    artifacts.table(f"dataset-{dataset.category}", rows, f"snapshot {dataset.snapshot}: photos to crops")
    return dataset


def kept(crops: Sequence[ShardRef]) -> int:
    """Crops in these shards."""
    return sum(shards.manifest(each).kept for each in crops)
