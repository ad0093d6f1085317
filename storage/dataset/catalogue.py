"""What a data set holds, and what changed between two snapshots."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from storage.dataset import derived, shards, snapshots
from storage.dataset.derived import DerivedRecipe
from storage.dataset.records import NEAR, SampleRow, Snapshot, SnapshotShard
from storage.store.references import DatasetRef, ShardRef


@dataclass(frozen=True)
class Difference:
    """What a newer snapshot has and an older one has not, and the other way round."""

    added: tuple[SampleRow, ...]
    removed: tuple[SampleRow, ...]
    changed: tuple[SampleRow, ...]
    """Samples of both whose picture or verdict is another one: their newer rows."""
    recipe: tuple[str, ...]
    """Entries of the recipe that differ, as `path: older -> newer`."""


@dataclass(frozen=True)
class Derivation:
    """Pseudo-truth of a snapshot by one model."""

    recipe: DerivedRecipe
    shards: int
    """Shards that it is made for."""
    wanted: int
    """Shards of the snapshot."""


def rows(ref: DatasetRef) -> list[SampleRow]:
    """Every attempted sample of a snapshot, in its order.

    Raises MissingArtifact or CorruptArtifact if an index is not what the snapshot pinned.
    """
    return [row for _, row in rows_with_shard(ref)]


def rows_with_shard(ref: DatasetRef) -> list[tuple[ShardRef, SampleRow]]:
    """The same, each with its shard."""
    snapshot = snapshots.read(ref)
    return _rows(ref, snapshot, snapshot.shards)


def derivations(ref: DatasetRef) -> list[Derivation]:
    """What was derived of a snapshot, wholly or in part."""
    recipes = derived.recipes(ref.root, ref.category)
    if not recipes:
        return []
    wanted = {entry.index: entry for entry in snapshots.read(ref).shards}
    counts = {digest: len(wanted.keys() & set(derived.indices(ref.root, ref.category, digest))) for digest in recipes}
    ours = {entry.digest for entry in wanted.values()}
    return [
        Derivation(recipe, counts[digest], len(wanted))
        for digest, recipe in recipes.items()
        if recipe.crops in ours and counts[digest]
    ]


def reasons(index: list[SampleRow]) -> dict[str, int]:
    """Dropped samples by reason, most first."""
    return dict(Counter(row.reason for row in index if not row.kept).most_common())


def difference(older: DatasetRef, newer: DatasetRef) -> Difference:
    """What changed from one snapshot to another. Shards that both pin are read only where a verdict on them changed."""
    old, new = snapshots.read(older), snapshots.read(newer)
    shared = set(map(_contents, old.shards)) & set(map(_contents, new.shards))
    before, after = (
        _by_key(ref, snapshot, [entry for entry in snapshot.shards if _contents(entry) not in shared])
        for ref, snapshot in ((older, old), (newer, new))
    )
    judged_anew = old.duplicates.resembles.keys() ^ new.duplicates.resembles.keys()
    if judged_anew - before.keys() - after.keys():
        both_pin = [entry for entry in new.shards if _contents(entry) in shared]
        before |= _by_key(older, old, both_pin)
        after |= _by_key(newer, new, both_pin)
    both = [(row, before[key]) for key, row in after.items() if key in before]
    return Difference(
        added=tuple(row for key, row in after.items() if key not in before),
        removed=tuple(row for key, row in before.items() if key not in after),
        changed=tuple(new for new, old in both if _outcome(new) != _outcome(old)),
        recipe=tuple(_changes("", old.config, new.config)),
    )


def _rows(ref: DatasetRef, snapshot: Snapshot, pinned: Iterable[SnapshotShard]) -> list[tuple[ShardRef, SampleRow]]:
    manifests = [(snapshots.shard(ref, entry), snapshots.pinned_manifest(ref, entry)) for entry in pinned]
    return [(shard, _judged(row, snapshot)) for shard, manifest in manifests for row in shards.rows(shard, manifest)]


def _contents(pinned: SnapshotShard) -> tuple[str, int, str, str]:
    return pinned.digest, pinned.index, pinned.tar_sha256, pinned.table_sha256


def _by_key(ref: DatasetRef, snapshot: Snapshot, pinned: Iterable[SnapshotShard]) -> dict[str, SampleRow]:
    return {row.key: row for _, row in _rows(ref, snapshot, pinned)}


def _judged(row: SampleRow, snapshot: Snapshot) -> SampleRow:
    """The row, dropped if the snapshot leaves out what its shard keeps."""
    left_out = row.key in snapshot.duplicates.resembles
    return row.model_copy(update={"kept": False, "reason": NEAR}) if left_out else row


def _outcome(row: SampleRow) -> tuple[object, ...]:
    return row.sha256, row.kept, row.reason, row.box


def _changes(path: str, older: object, newer: object) -> Iterator[str]:
    if isinstance(older, dict) and isinstance(newer, dict):
        for name in sorted(older.keys() | newer.keys()):
            yield from _changes(f"{path}.{name}".lstrip("."), older.get(name), newer.get(name))
    elif older != newer:
        yield f"{path}: {older} -> {newer}"
