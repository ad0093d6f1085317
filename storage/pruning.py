"""What nobody needs any more: old snapshots that no model was made from, and the shards that only they list."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage import files, layout, snapshots
from storage.layout import Store
from storage.lineage import learnt_from
from storage.records import DatasetRef, Snapshot, Stage, digest


@dataclass(frozen=True)
class Waste:
    """One file that may go."""

    where: str
    bytes: int


def waste(root: str, category: str, keep: int) -> Iterator[Waste]:
    """Files of snapshots older than the newest `keep` that no run has learnt from, in the order to delete them.

    Snapshots go before their shards, so that whoever dies half-way leaves files that nobody lists, never a list of
    files that are gone. A shard goes if a snapshot that goes lists it and none that stays does; shards that no
    snapshot ever listed may be in the making, and stay.

    Raises ValueError if `keep` is less than 1.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}; keep at least the newest snapshot")
    store, numbers = Store(root), snapshots.numbers(root, category)
    needed = set(numbers[-keep:]) | learnt_from(store, category)
    known = {number: snapshots.read(store.dataset(category, number)) for number in numbers}
    going = [known[number] for number in numbers if number not in needed]
    for each in going:
        yield from _file(layout.snapshot(DatasetRef(root=root, category=category, snapshot=each.id)))
    listed = {place for number in needed & set(numbers) for place in _places(known[number])}
    unlisted = sorted({place for each in going for place in _places(each)} - listed)
    for stage, recipe, index in unlisted:
        folder = layout.shards(root, category, stage, recipe)
        # The manifest first: without it the other two count as never written.
        for kind in ("json", "parquet", "tar"):
            yield from _file(layout.member(folder, f"{index:05d}.{kind}"))


def _places(snapshot: Snapshot) -> Iterator[tuple[Stage, str, int]]:
    """Crops and the photos that they were cut out of."""
    for shard in snapshot.shards:
        yield "curated", shard.digest, shard.index
        yield "raw", digest(snapshot.config["photos"]), shard.index


def _file(where: str) -> Iterator[Waste]:
    size = files.size(where)
    if size is not None:
        yield Waste(where, size)
