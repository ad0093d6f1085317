"""Samples read from committed shards, in any order: a map-style data set over plain WebDataset tars."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from storage.dataset import shards, snapshots
from storage.dataset.members import Sample, decoded
from storage.dataset.records import SampleRow, ShardManifest, Split
from storage.store import cache, layout
from storage.store.references import DatasetRef, ShardRef


class Tar(NamedTuple):
    """Where a tar lies, and its contents."""

    url: str
    sha256: str


@dataclass(frozen=True)
class Samples:
    """Stored samples by number. Reading one opens its tar at the offset in its row."""

    rows: tuple[SampleRow, ...]
    tars: tuple[Tar, ...]
    """Of each row."""
    views: tuple[str, ...] = ()
    """View words, in the order that `Sample.view` counts them."""
    absent: tuple[SampleRow, ...] = ()
    """Rows of a shard of which nothing is stored."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def __getitem__(self, number: int) -> Sample:
        """The sample, read from the disk."""
        row = self.rows[number]
        sample = decoded(row, self.members(number), self.tars[number].url)
        return replace(sample, view=self.views.index(row.view) if row.view in self.views else -1)

    def members(self, number: int) -> dict[str, bytes]:
        """The sample's files by extension, as they are stored."""
        with cache.opened(*self.tars[number]) as file:
            stored = shards.stored(self.rows[number])
            return {name: os.pread(file.fileno(), size, offset) for name, offset, size in stored}

    def __iter__(self) -> Iterator[Sample]:
        """All of them in order."""
        return (self[number] for number in range(len(self)))


class ByKey:
    """Samples of many shards by their keys; a shard is verified when the first of its samples is asked for."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._opened: dict[str, tuple[Samples, dict[str, int]]] = {}

    def sample(self, ref: ShardRef, key: str) -> Sample:
        """The stored sample of a shard."""
        where = layout.tar(ref)
        if where not in self._opened:
            found = of_shard(ref)
            self._opened[where] = found, {row.key: number for number, row in enumerate(found.rows)}
        found, numbers = self._opened[where]
        return found[numbers[key]]


def of_shard(ref: ShardRef) -> Samples:
    """All stored samples of one shard, and the rows of the others.

    Raises MissingArtifact if it is not committed, CorruptArtifact if it is not byte by byte what was committed.
    """
    tar, rows = _opened(ref, shards.manifest(ref))
    stored = tuple(row for row in rows if row.image_size)
    return Samples(stored, (tar,) * len(stored), absent=tuple(row for row in rows if not row.image_size))


def of_dataset(ref: DatasetRef, split: Split, views: Sequence[str] = ()) -> Samples:
    """The kept samples of one split of a snapshot, in its order.

    Raises MissingArtifact or CorruptArtifact if a shard is not byte by byte what the snapshot pinned.
    """
    rows: list[SampleRow] = []
    tars: list[Tar] = []
    snapshot = snapshots.read(ref)
    left_out = snapshot.duplicates.resembles
    for pinned in snapshot.shards:
        tar, index = _opened(snapshots.shard(ref, pinned), snapshots.vouched(ref, pinned))
        some = [row for row in index if row.kept and row.split == split and row.key not in left_out]
        rows += some
        tars += [tar] * len(some)
    return Samples(tuple(rows), tuple(tars), tuple(views))


def _opened(ref: ShardRef, manifest: ShardManifest) -> tuple[Tar, list[SampleRow]]:
    tar = Tar(layout.tar(ref), manifest.tar_sha256)
    return tar, shards.checked(ref, manifest, cache.read(*tar))
