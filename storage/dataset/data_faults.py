"""Whether every byte of a data set is what was committed: shards, derived shards, snapshots and their pages."""

from collections.abc import Iterator
from functools import partial

from storage.dataset import derived, shards, snapshots
from storage.dataset.derived import DerivedRecipe
from storage.dataset.pages import Pages
from storage.dataset.records import SampleRow, SnapshotFile
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, StorageError
from storage.store.faults import AGAIN, Fault, fault_of, find_leftovers, leftover, mirror_faults
from storage.store.locks import is_locked
from storage.store.references import STAGES, DatasetRef, ShardRef, Stage
from storage.store.versions import encode

KINDS = ("json", "parquet", "tar")
REMEDY = "the dataset flow makes it again"


def find_data_faults(root: str, category: str) -> Iterator[Fault]:
    """Everything under a category's data that is not byte by byte what was committed; reads every file once.

    Flipped bytes, missing, foreign and unfinished files, rows that do not fit their tar, a key that two shards hold,
    snapshots that pin what is not there.
    """
    homes: dict[str, str] = {}
    for stage in STAGES:
        for recipe in layout.record_names(layout.recipes(root, category, stage)):
            yield from _folder_faults(root, category, stage, recipe, homes)
    for digest, recipe in derived.recipes(root, category).items():
        yield from _derived_faults(root, category, digest, recipe)
    yield from _snapshots_faults(root, category)


def _folder_faults(root: str, category: str, stage: Stage, recipe: str, homes: dict[str, str]) -> Iterator[Fault]:
    folder = layout.shards(root, category, stage, recipe)
    yield from find_leftovers(folder)
    kinds_by_index: dict[int, set[str]] = {}
    for name in files.names(folder):
        stem, _, kind = name.partition(".")
        if len(stem) == 5 and stem.isdecimal() and kind in KINDS:
            kinds_by_index.setdefault(int(stem), set()).add(kind)
        else:
            yield Fault(layout.member(folder, name), "does not belong here; move it away")
    for index, kinds in kinds_by_index.items():
        ref = ShardRef(root=root, category=category, stage=stage, digest=recipe, index=index)
        if "json" not in kinds:
            yield from _uncommitted(ref, kinds)
            continue
        try:
            yield from _repeated_keys(ref, shards.verify(ref), homes)
        except CorruptArtifact as error:
            yield Fault(error.where, f"{error.value}; {AGAIN}", partial(_quarantine, ref))
        except StorageError as error:
            yield fault_of(error)


def _uncommitted(ref: ShardRef, kinds: set[str]) -> Iterator[Fault]:
    """Files of a shard that has no manifest, unless somebody is writing it."""
    if is_locked(layout.manifest(ref)):
        return
    for kind, where in (("tar", layout.tar(ref)), ("parquet", layout.table(ref))):
        if kind in kinds:
            yield leftover(where, "was never committed; delete it, or run the flow again")


def _quarantine(ref: ShardRef) -> str:
    return f"moved to quarantine; {AGAIN}" if shards.find_committed(ref) is None else ""


def _repeated_keys(ref: ShardRef, index: list[SampleRow], homes: dict[str, str]) -> Iterator[Fault]:
    """Keys that another shard of the same recipe has as well; `homes` has the tars of the keys that were seen."""
    for row in index:
        sample = f"{ref.stage}/{ref.digest}/{row.key}"
        if sample in homes:
            yield Fault(layout.tar(ref), f"{row.key} is also in {homes[sample]}; delete one of the two")
        homes[sample] = layout.tar(ref)


def _derived_faults(root: str, category: str, digest: str, recipe: DerivedRecipe) -> Iterator[Fault]:
    """Derived shards whose crops are gone, or were made anew since."""
    for index in derived.indices(root, category, digest):
        ref = ShardRef(root=root, category=category, stage="derived", digest=digest, index=index)
        parent = ref.model_copy(update={"stage": "curated", "digest": recipe.crops})
        try:
            derived.derived_manifest(ref, shards.manifest(parent).tar_sha256)
        except MissingArtifact as error:
            yield Fault(layout.tar(ref), f"its crops are gone ({error.where}); delete it")
        except StorageError as error:
            yield fault_of(error)


def _snapshots_faults(root: str, category: str) -> Iterator[Fault]:
    pages = Pages(root, category)
    for folder in (layout.snapshots(root, category), layout.pages(root, category)):
        yield from find_leftovers(folder)
        yield from find_leftovers(layout.copy(root, category, folder))
    for digest in pages.digests():
        yield from mirror_faults(pages.stored(digest), REMEDY)
    seen: set[str] = set()
    intact: set[tuple[str, int, str]] = set()
    for number in snapshots.numbers(root, category):
        ref = DatasetRef(root=root, category=category, snapshot=number)
        stored = snapshots.stored_file(ref)
        faults = list(mirror_faults(stored, REMEDY))
        if len(faults) == 2:
            what = f"{stored.damage()[stored.url]}, and its copy is no better"
            yield Fault(stored.url, what, partial(_set_aside, ref, what))
            continue
        yield from faults
        yield from _pinned_faults(ref, snapshots.read_file(ref), pages, seen, intact)


def _set_aside(ref: DatasetRef, what: str) -> str:
    """Move a snapshot that cannot be read to quarantine; its number is not given again."""
    count, quarantine = 1, layout.quarantine(ref.root, ref.category)
    while files.names(folder := f"{quarantine}/snapshot-{ref.snapshot:06d}-{count}"):
        count += 1
    files.put(layout.reason(folder), encode(shards.Quarantined(shard=layout.snapshot(ref), reason=what)))
    for where, name in zip(snapshots.stored_file(ref).urls, ("snapshot.json", "copy.json"), strict=True):
        files.move(where, layout.member(folder, name))
    return f"moved to quarantine; {AGAIN} under another number"


def _pinned_faults(
    ref: DatasetRef, file: SnapshotFile, pages: Pages, seen: set[str], intact: set[tuple[str, int, str]]
) -> Iterator[Fault]:
    """What a snapshot pins and is not there.

    Pages that were `seen` in another snapshot, and shards that are `intact` by another page, are not looked at again.
    """
    try:
        new = [digest for digest in file.shards if digest not in seen]
        pages.plain(file.recipe, file.comparison, *file.resembles)
        pinned = pages.shards(new, file.digest)
    except StorageError as error:
        yield Fault(layout.snapshot(ref), f"names {error.where}, which {error.value}; {error.remedy}")
        return
    seen.update(new)
    for entry in pinned:
        name = entry.digest, entry.index, entry.tar_sha256
        try:
            if name not in intact:
                snapshots.pinned_manifest(ref, entry)
            intact.add(name)
        except StorageError as error:
            yield Fault(layout.snapshot(ref), f"pins {error.where}, which {error.value}; {error.remedy}")
