"""Snapshots: numbered, immutable lists of committed shards. A run pins one, so a growing data set changes no run.

One file is the whole commit, created under a number that is free. Of writers that want the same number, on however many
machines, one gets it; the others read what it wrote, add to that, and take the next.
"""

import re
from collections.abc import Callable, Sequence

from storage.dataset.records import Duplicates, ShardManifest, Snapshot, SnapshotShard
from storage.dataset.shards import manifest
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.references import DatasetRef, ShardRef
from storage.store.versions import parse

Judge = Callable[[Sequence[ShardRef]], Duplicates]
"""Finds the near-duplicates in shards that are ordered by index."""


def commit(refs: Sequence[ShardRef], judge: Judge | None = None) -> DatasetRef:
    """The snapshot with these curated shards and all earlier ones of their recipe; a new one only if that differs.

    The judge sees all of them, whoever made them and when, so its verdict does not depend on who was ready first.

    Raises ValueError if the shards are not of one recipe, MissingArtifact if one is not committed.
    """
    root, category, digest = _recipe(refs)
    manifests = [manifest(ref) for ref in refs]
    while True:
        # Numbers first: whoever commits between the two lines has the number that this one will ask for.
        known = numbers(root, category)
        parent = newest(root, category, digest)
        merged = {shard.index: shard for shard in parent.shards} if parent else {}
        merged |= {entry.index: _pin(entry) for entry in manifests}
        shards = tuple(merged[index] for index in sorted(merged))
        chosen = Snapshot(
            id=known[-1] + 1 if known else 1,
            category=category,
            parent=parent.id if parent else None,
            digest=digest,
            config=manifests[0].config,
            shards=shards,
            duplicates=judge([_shard(root, category, entry) for entry in shards]) if judge else Duplicates(),
        )
        if parent and (parent.shards, parent.duplicates) == (chosen.shards, chosen.duplicates):
            chosen = parent
        ref = DatasetRef(root=root, category=category, snapshot=chosen.id)
        if chosen is parent or files.create(layout.snapshot(ref), chosen.model_dump_json(indent=1).encode()):
            return ref


def read(ref: DatasetRef) -> Snapshot:
    """The list of shards of one snapshot.

    Raises MissingArtifact if there is no such snapshot, CorruptArtifact if it is none.
    """
    where = layout.snapshot(ref)
    try:
        return parse(Snapshot, files.get(where), where, "delete it and run the dataset flow again")
    except MissingArtifact as error:
        known = ", ".join(map(str, numbers(ref.root, ref.category))) or "none"
        raise MissingArtifact(where, f"does not exist; there are: {known}", "choose one of them") from error


def newest(root: str, category: str, digest: str) -> Snapshot | None:
    """The newest snapshot of a recipe, if there is one."""
    refs = (DatasetRef(root=root, category=category, snapshot=number) for number in reversed(numbers(root, category)))
    return next((snapshot for snapshot in map(read, refs) if snapshot.digest == digest), None)


def numbers(root: str, category: str) -> list[int]:
    """All snapshots of a category, oldest first."""
    names = files.names(layout.snapshots(root, category))
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


def _shard(root: str, category: str, pinned: SnapshotShard) -> ShardRef:
    return ShardRef(root=root, category=category, stage=pinned.stage, digest=pinned.digest, index=pinned.index)


def _pin(entry: ShardManifest) -> SnapshotShard:
    return SnapshotShard.model_validate({name: getattr(entry, name) for name in SnapshotShard.model_fields})
