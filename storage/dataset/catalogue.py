"""What a data set holds, what changed between two snapshots, and whether every byte is what was committed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from storage.dataset import derived, shards, snapshots
from storage.dataset.derived import DerivedRecipe
from storage.dataset.records import NEAR, SampleRow, Snapshot, SnapshotShard
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, StorageError
from storage.store.references import STAGES, DatasetRef, Record, ShardRef, Stage

KINDS = ("json", "parquet", "tar")


class Fault(Record):
    """Something that is not what was committed."""

    where: str
    what: str
    shard: ShardRef | None = None
    """The shard that has to be made again, where it is one."""


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
    pinned = [(snapshots.shard(ref, entry), snapshots.pinned_manifest(ref, entry)) for entry in snapshot.shards]
    return [(shard, _judged(row, snapshot)) for shard, manifest in pinned for row in shards.rows(shard, manifest)]


def derivations(ref: DatasetRef) -> list[Derivation]:
    """What was derived of a snapshot, wholly or in part."""
    recipes = derived.recipes(ref.root, ref.category)
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
    """What changed from one snapshot to another."""
    before, after = ({row.key: row for row in rows(ref)} for ref in (older, newer))
    both = [(row, before[key]) for key, row in after.items() if key in before]
    return Difference(
        added=tuple(row for key, row in after.items() if key not in before),
        removed=tuple(row for key, row in before.items() if key not in after),
        changed=tuple(new for new, old in both if _outcome(new) != _outcome(old)),
        recipe=tuple(_changes("", snapshots.read(older).config, snapshots.read(newer).config)),
    )


def faults(root: str, category: str) -> Iterator[Fault]:
    """Everything under a category's data that is not byte by byte what was committed; re-reads every file.

    Flipped bytes, missing, foreign and unfinished files, rows that do not fit their tar, a key that two shards hold,
    snapshots that pin what is not there.
    """
    homes: dict[str, str] = {}
    for stage in STAGES:
        for recipe in files.names(layout.recipes(root, category, stage)):
            yield from _folder_faults(root, category, stage, recipe, homes)
    for digest, recipe in derived.recipes(root, category).items():
        yield from _derived_faults(root, category, digest, recipe)
    yield from _leftover_faults(layout.snapshots(root, category))
    intact: dict[str, SnapshotShard] = {}
    for number in snapshots.numbers(root, category):
        yield from _snapshot_faults(DatasetRef(root=root, category=category, snapshot=number), intact)


def repair(fault: Fault) -> bool:
    """Move a corrupt shard to quarantine, so that the next run makes it again; False where there is nothing to move."""
    return fault.shard is not None and shards.find_committed(fault.shard) is None


def _judged(row: SampleRow, snapshot: Snapshot) -> SampleRow:
    """The row, dropped if the snapshot leaves out what its shard keeps."""
    left_out = row.key in snapshot.duplicates.resembles
    return row.model_copy(update={"kept": False, "reason": NEAR}) if left_out else row


def _folder_faults(root: str, category: str, stage: Stage, recipe: str, homes: dict[str, str]) -> Iterator[Fault]:
    folder = layout.shards(root, category, stage, recipe)
    yield from _leftover_faults(folder)
    kinds_by_index: dict[int, set[str]] = {}
    for name in files.names(folder):
        stem, _, kind = name.partition(".")
        if len(stem) == 5 and stem.isdecimal() and kind in KINDS:
            kinds_by_index.setdefault(int(stem), set()).add(kind)
        else:
            yield Fault(where=layout.member(folder, name), what="does not belong here; move it away")
    for index, kinds in kinds_by_index.items():
        ref = ShardRef(root=root, category=category, stage=stage, digest=recipe, index=index)
        if "json" not in kinds:
            remedy = "was never committed; delete it, or run the flow again"
            yield Fault(where=layout.tar(ref) if "tar" in kinds else layout.table(ref), what=remedy)
            continue
        try:
            yield from _repeated_keys(ref, shards.verify(ref), homes)
        except StorageError as error:
            corrupt = ref if isinstance(error, CorruptArtifact) else None
            yield Fault(where=error.where, what=f"{error.value}; {error.remedy}", shard=corrupt)


def _leftover_faults(folder: str) -> Iterator[Fault]:
    for name in files.unfinished_names(folder):
        remedy = "is left of a killed writer; delete it, or run the flow again"
        yield Fault(where=layout.member(folder, name), what=remedy)


def _repeated_keys(ref: ShardRef, index: list[SampleRow], homes: dict[str, str]) -> Iterator[Fault]:
    """Keys that another shard of the same recipe has as well; `homes` has the tars of the keys that were seen."""
    for row in index:
        sample = f"{ref.stage}/{ref.digest}/{row.key}"
        if sample in homes:
            yield Fault(where=layout.tar(ref), what=f"{row.key} is also in {homes[sample]}; delete one of the two")
        homes[sample] = layout.tar(ref)


def _derived_faults(root: str, category: str, digest: str, recipe: DerivedRecipe) -> Iterator[Fault]:
    """Derived shards whose crops are gone, or were made anew since."""
    for index in derived.indices(root, category, digest):
        ref = ShardRef(root=root, category=category, stage="derived", digest=digest, index=index)
        parent = ref.model_copy(update={"stage": "curated", "digest": recipe.crops})
        try:
            derived.derived_manifest(ref, shards.manifest(parent).tar_sha256)
        except MissingArtifact as error:
            yield Fault(where=layout.tar(ref), what=f"its crops are gone ({error.where}); delete it")
        except StorageError as error:
            yield Fault(where=error.where, what=f"{error.value}; {error.remedy}")


def _snapshot_faults(ref: DatasetRef, intact: dict[str, SnapshotShard]) -> Iterator[Fault]:
    """What a snapshot pins and is not there; a shard that is `intact` by another snapshot is not looked at again."""
    try:
        pinned = snapshots.read(ref).shards
    except StorageError as error:
        yield Fault(where=error.where, what=f"{error.value}; {error.remedy}")
        return
    for entry in pinned:
        where = layout.manifest(snapshots.shard(ref, entry))
        if intact.get(where) == entry:
            continue
        try:
            snapshots.pinned_manifest(ref, entry)
            intact[where] = entry
        except StorageError as error:
            yield Fault(where=layout.snapshot(ref), what=f"pins {error.where}, which {error.value}; {error.remedy}")


def _outcome(row: SampleRow) -> tuple[object, ...]:
    return row.sha256, row.kept, row.reason, row.box


def _changes(path: str, older: object, newer: object) -> Iterator[str]:
    if isinstance(older, dict) and isinstance(newer, dict):
        for name in sorted(older.keys() | newer.keys()):
            yield from _changes(f"{path}.{name}".lstrip("."), older.get(name), newer.get(name))
    elif older != newer:
        yield f"{path}: {older} -> {newer}"
