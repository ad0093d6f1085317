"""Samples read from committed shards, in any order: a map-style data set over plain WebDataset tars."""

import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from storage.dataset import shards, snapshots
from storage.dataset.derived import derived_manifest, derived_shard
from storage.dataset.encoding import Sample, decode_sample
from storage.dataset.records import SampleRow, ShardManifest, Split
from storage.store import cache, layout
from storage.store.references import DatasetRef, DerivedRef, ShardRef


class StoredTar(NamedTuple):
    """Where a tar lies, and its contents."""

    url: str
    sha256: str


@dataclass(frozen=True)
class Samples:
    """Stored samples by number. Reading one opens its tar at the offset in its row."""

    rows: tuple[SampleRow, ...]
    tars: tuple[StoredTar, ...]
    """Of each row."""
    absent: tuple[SampleRow, ...] = ()
    """Rows of a shard of which nothing is stored."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def __getitem__(self, number: int) -> Sample:
        """The sample, read from the disk."""
        return decode_sample(self.rows[number], self.members(number), self.tars[number].url)

    def members(self, number: int) -> dict[str, bytes]:
        """The sample's files by extension, as they are stored."""
        with cache.open_copy(*self.tars[number]) as file:
            parts = self.rows[number].parts
            return {extension: os.pread(file.fileno(), size, offset) for extension, (offset, size) in parts.items()}

    def __iter__(self) -> Iterator[Sample]:
        """All of them in order."""
        return (self[number] for number in range(len(self)))

    def first(self, count: int) -> "Samples":
        """At most so many of them, from the start on."""
        return Samples(self.rows[:count], self.tars[:count])


class ByKey:
    """Samples of many shards by their keys; a shard is verified when the first of its samples is asked for."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._opened: dict[str, tuple[Samples, dict[str, int]]] = {}

    def sample(self, ref: ShardRef, key: str) -> Sample:
        """The stored sample of a shard."""
        where = layout.tar(ref)
        if where not in self._opened:
            samples = of_shard(ref)
            self._opened[where] = samples, {row.key: number for number, row in enumerate(samples.rows)}
        samples, numbers = self._opened[where]
        return samples[numbers[key]]


def of_shard(ref: ShardRef) -> Samples:
    """All stored samples of one shard, and the rows of the others.

    Raises MissingArtifact if it is not committed, CorruptArtifact if it is not byte by byte what was committed.
    """
    tar, rows = _open(ref, shards.manifest(ref))
    stored = tuple(row for row in rows if row.parts)
    return Samples(stored, (tar,) * len(stored), absent=tuple(row for row in rows if not row.parts))


def of_dataset(ref: DatasetRef, split: Split) -> Samples:
    """The kept samples of one split of a snapshot, in its order.

    Raises MissingArtifact or CorruptArtifact if a shard is not byte by byte what the snapshot pinned.
    """
    snapshot = snapshots.read(ref)
    pinned = ((snapshots.shard(ref, entry), snapshots.pinned_manifest(ref, entry)) for entry in snapshot.shards)
    return _of_split(pinned, split, snapshot.duplicates.resembles)


def of_derived(ref: DerivedRef, split: Split) -> Samples:
    """What was derived of the samples that `of_dataset` gives, in the same order: members, and no pictures.

    Raises MissingArtifact if a shard is not derived yet, CorruptArtifact if it was derived from other crops.
    """
    snapshot = snapshots.read(ref.crops)
    derived = [(derived_shard(ref, entry.index), entry.tar_sha256) for entry in snapshot.shards]
    manifests = [(shard, derived_manifest(shard, parent)) for shard, parent in derived]
    return _of_split(manifests, split, snapshot.duplicates.resembles)


def _of_split(manifests: Iterable[tuple[ShardRef, ShardManifest]], split: Split, left_out: Container[str]) -> Samples:
    rows: list[SampleRow] = []
    tars: list[StoredTar] = []
    for ref, manifest in manifests:
        tar, index = _open(ref, manifest)
        chosen = [row for row in index if row.kept and row.split == split and row.key not in left_out]
        rows += chosen
        tars += [tar] * len(chosen)
    return Samples(tuple(rows), tuple(tars))


def _open(ref: ShardRef, manifest: ShardManifest) -> tuple[StoredTar, list[SampleRow]]:
    tar = StoredTar(layout.tar(ref), manifest.tar_sha256)
    return tar, shards.verified_rows(ref, manifest, cache.read(*tar))
