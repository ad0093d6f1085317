"""Snapshots: numbered, immutable lists of committed shards. A run pins one, so a growing data set changes no run.

One file is the whole commit, created under a number that is free, after the pages that it names. Of writers that want
the same number, on however many machines, one gets it; the others read what it wrote, add to that, and take the next.
"""

import logging
import re
from collections.abc import Callable, Sequence
from functools import partial

from storage.dataset.pages import Pages
from storage.dataset.records import Duplicates, ShardManifest, Snapshot, SnapshotFile, SnapshotShard
from storage.dataset.shards import manifest
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.locks import hold_lock
from storage.store.mirror import Mirrored
from storage.store.references import DatasetRef, ShardRef
from storage.store.versions import encode, parse

logger = logging.getLogger(__name__)

REMEDY = "type `farm3d verify --repair`, then run the dataset flow again"
FOLDER = re.compile(r"snapshot-([0-9]{6})-[0-9]+")
"""Names the folder in quarantine of a snapshot that cannot be read."""
Judge = Callable[[Sequence[ShardRef]], Duplicates]
"""Finds the near-duplicates in shards that are ordered by index."""


def commit(refs: Sequence[ShardRef], judge: Judge | None = None) -> DatasetRef:
    """The snapshot with these curated shards and all earlier ones of their recipe; a new one only if that differs.

    The judge sees all of them, whoever made them and when, so its verdict does not depend on who was ready first.

    Raises ValueError if the shards are not of one recipe, MissingArtifact if one is not committed.
    """
    root, category, recipe = _recipe(refs)
    manifests = [manifest(ref) for ref in refs]
    while True:
        # Numbers first: whoever commits between the two lines has the number that this one will ask for.
        known = _taken(root, category)
        parent = newest(root, category, recipe)
        merged = {shard.index: shard for shard in parent.shards} if parent else {}
        merged |= {entry.index: _pin(entry) for entry in manifests}
        shards = tuple(merged[index] for index in sorted(merged))
        chosen = Snapshot(
            id=known[-1] + 1 if known else 1,
            category=category,
            parent=parent.id if parent else None,
            digest=recipe,
            config=manifests[0].config,
            shards=shards,
            duplicates=judge([_shard(root, category, entry) for entry in shards]) if judge else Duplicates(),
        )
        if parent and (parent.shards, parent.duplicates) == (chosen.shards, chosen.duplicates):
            chosen = parent
        ref = DatasetRef(root=root, category=category, snapshot=chosen.id)
        # Whoever prunes holds this lock too: what is written here and not named by a snapshot yet is not taken away.
        with hold_lock(layout.snapshots(root, category)):
            if parent:
                stored_file(DatasetRef(root=root, category=category, snapshot=parent.id)).mend()
            data = encode(_file(chosen, Pages(root, category)))
            if chosen is parent or files.create(layout.snapshot(ref), data):
                stored_file(ref).write(data)
                return ref


def read(ref: DatasetRef) -> Snapshot:
    """The list of shards of one snapshot.

    Raises MissingArtifact if there is no such snapshot, CorruptArtifact if neither it nor its copy can be read.
    """
    file, pages = read_file(ref), Pages(ref.root, ref.category)
    return Snapshot(
        id=file.id,
        category=file.category,
        parent=file.parent,
        digest=file.digest,
        config=pages.plain(file.recipe),
        shards=pages.shards(file.shards, file.digest),
        duplicates=Duplicates(config=pages.plain(file.comparison), resembles=pages.plain(*file.resembles)),
    )


def read_file(ref: DatasetRef) -> SnapshotFile:
    """What the file of one snapshot says: names of pages.

    Raises MissingArtifact if there is no such snapshot, CorruptArtifact if neither it nor its copy can be read.
    """
    try:
        return stored_file(ref).read()
    except MissingArtifact as error:
        known = ", ".join(map(str, numbers(ref.root, ref.category))) or "none"
        raise MissingArtifact(error.where, f"does not exist; there are: {known}", "choose one of them") from error


def parse_file(ref: DatasetRef, data: bytes) -> SnapshotFile:
    """The file of one snapshot. Raises CorruptArtifact if it is that of no snapshot, or of another one."""
    where = layout.snapshot(ref)
    file = parse(SnapshotFile, data, where, REMEDY)
    if (file.category, file.id) != (ref.category, ref.snapshot):
        raise CorruptArtifact(where, f"is snapshot {file.id} of {file.category}", REMEDY)
    return file


def stored_file(ref: DatasetRef) -> Mirrored[SnapshotFile]:
    """The file of a snapshot and its copy."""
    where = layout.snapshot(ref)
    return Mirrored(where, layout.copy(ref.root, ref.category, where), partial(parse_file, ref))


def newest(root: str, category: str, recipe: str) -> Snapshot | None:
    """The newest snapshot of a recipe that can be read, if there is one; a damaged one is told."""
    for number in reversed(numbers(root, category)):
        ref = DatasetRef(root=root, category=category, snapshot=number)
        try:
            if read_file(ref).digest == recipe:
                return read(ref)
        except CorruptArtifact as error:
            logger.warning("%s; taking an older snapshot, if there is one", error)
    return None


def numbers(root: str, category: str) -> list[int]:
    """All snapshots of a category, oldest first; also one that only its copy is left of."""
    folder = layout.snapshots(root, category)
    names = {*files.names(folder), *files.names(layout.copy(root, category, folder))}
    return sorted(int(name[:6]) for name in names if re.fullmatch(r"[0-9]{6}\.json", name))


def shard(ref: DatasetRef, pinned: SnapshotShard) -> ShardRef:
    """Where a shard of a snapshot lies."""
    return _shard(ref.root, ref.category, pinned)


def pinned_manifest(ref: DatasetRef, pinned: SnapshotShard) -> ShardManifest:
    """The manifest of a pinned shard.

    Raises CorruptArtifact if the shard was made anew with other contents since.
    """
    where = shard(ref, pinned)
    entry = manifest(where)
    if _pin(entry) != pinned:
        remedy = "take the newest snapshot, or bring the old shard back"
        actual = f"sha256 {entry.tar_sha256[:16]}, it pinned {pinned.tar_sha256[:16]}"
        raise CorruptArtifact(layout.tar(where), f"is not what snapshot {ref.snapshot} pinned ({actual})", remedy)
    return entry


def gaps(ref: DatasetRef) -> list[int]:
    """Indices of the shards that are not there any more as the snapshot pinned them, by their manifests and sizes."""
    return [pinned.index for pinned in read(ref).shards if not _is_whole(ref, pinned)]


def _is_whole(ref: DatasetRef, pinned: SnapshotShard) -> bool:
    try:
        pinned_manifest(ref, pinned)
    except (MissingArtifact, CorruptArtifact):
        return False
    return True


def _recipe(refs: Sequence[ShardRef]) -> tuple[str, str, str]:
    recipes = {(ref.root, ref.category, ref.stage, ref.digest) for ref in refs}
    if len(recipes) != 1 or refs[0].stage != "curated":
        raise ValueError(f"a snapshot lists curated shards of one recipe, not of {sorted(recipes)}")
    return refs[0].root, refs[0].category, refs[0].digest


def _file(snapshot: Snapshot, pages: Pages) -> SnapshotFile:
    """The file of a snapshot, whose pages are there now."""
    return SnapshotFile(
        id=snapshot.id,
        category=snapshot.category,
        parent=snapshot.parent,
        digest=snapshot.digest,
        recipe=pages.write_plain(snapshot.config),
        shards=pages.write_shards(snapshot.shards),
        comparison=pages.write_plain(snapshot.duplicates.config),
        resembles=pages.write_pairs(snapshot.duplicates.resembles),
    )


def _taken(root: str, category: str) -> list[int]:
    """Numbers that are not given again: those of all snapshots, and of those in quarantine."""
    moved = (FOLDER.fullmatch(name) for name in files.names(layout.quarantine(root, category)))
    quarantined = {int(match[1]) for match in moved if match}
    return sorted({*numbers(root, category), *quarantined})


def _shard(root: str, category: str, pinned: SnapshotShard) -> ShardRef:
    return ShardRef(root=root, category=category, stage=pinned.stage, digest=pinned.digest, index=pinned.index)


def _pin(entry: ShardManifest) -> SnapshotShard:
    return SnapshotShard.model_validate({name: getattr(entry, name) for name in SnapshotShard.model_fields})
