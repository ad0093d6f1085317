"""Shards: 64 to 1,000 samples in one tar with its index, made once, and committed by the manifest that is written last.

Whatever happens before the manifest has its name is redone; whatever happens after is skipped.
"""

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from storage.dataset.encoding import IMAGE, Sample, encode_sample
from storage.dataset.records import SampleRow, ShardManifest
from storage.dataset.tables import from_parquet, to_parquet
from storage.dataset.tar_io import TarStream, member_positions
from storage.runs.revision import code
from storage.store import cache, files, layout
from storage.store.errors import REMEDY, CorruptArtifact, MissingArtifact
from storage.store.locks import hold_lock
from storage.store.references import ShardRef, digest, identity
from storage.store.versions import Versioned, encode, parse

logger = logging.getLogger(__name__)


class Quarantined(Versioned):
    """A corrupt shard or snapshot that was moved away."""

    shard: str
    reason: str


def write(
    ref: ShardRef, samples: Iterable[Sample], config: BaseModel | Mapping[str, Any], made_from: str = ""
) -> ShardManifest:
    """Write and commit one shard; if another writer committed it in the meantime, that one stands.

    `config` is the recipe whose digest names the shard, `made_from` the sha256 of the tar it was made from.
    Raises StorageFull with nothing left behind, ValueError for samples that contradict themselves.
    """
    if digest(config) != ref.digest:
        raise ValueError(f"{layout.manifest(ref)}: the recipe's digest is {digest(config)}; name the shard after it")
    rows: dict[str, SampleRow] = {}
    tar = TarStream(_encode(ref, samples, rows), layout.tar(ref))
    with files.draft(layout.tar(ref), tar) as put_tar:
        index = [_with_parts(row, tar) for row in rows.values()]
        table = to_parquet(index)
        made = ShardManifest(
            category=ref.category,
            stage=ref.stage,
            digest=ref.digest,
            index=ref.index,
            config=identity(config),
            made_from=made_from,
            code=code(),
            rows=len(index),
            stored=sum(bool(row.parts) for row in index),
            columns=tuple(sorted(tar.extensions)),
            kept=sum(row.kept for row in index),
            reasons=dict(sorted(Counter(row.reason for row in index if not row.kept).items())),
            tar_bytes=tar.size,
            tar_sha256=tar.sha256.hexdigest(),
            table_bytes=len(table),
            table_sha256=sha256(table).hexdigest(),
        )
        with hold_lock(layout.manifest(ref)):
            if (earlier := _quarantine_if_corrupt(ref)) is not None:
                return earlier
            _commit(ref, put_tar, table, made)
    return made


def find_committed(ref: ShardRef) -> ShardManifest | None:
    """The manifest of a committed shard, or None if it has to be made: because it is missing, or corrupt.

    A corrupt one, even by one bit, is moved to quarantine.
    """
    try:
        return _read_intact(ref)
    except MissingArtifact:
        return None
    except CorruptArtifact:
        with hold_lock(layout.manifest(ref)):
            return _quarantine_if_corrupt(ref)


def manifest(ref: ShardRef) -> ShardManifest:
    """The manifest of a committed shard whose files have the right sizes.

    Raises MissingArtifact if it is not committed, CorruptArtifact if a file is gone or has another size.
    """
    entry = read_manifest(ref)
    if entry is None:
        raise MissingArtifact(layout.manifest(ref), "is not committed", REMEDY)
    for url, expected in ((layout.tar(ref), entry.tar_bytes), (layout.table(ref), entry.table_bytes)):
        if (size := files.size(url)) != expected:
            raise CorruptArtifact(url, "is gone" if size is None else f"has {size} bytes, not {expected}", REMEDY)
    return entry


def read_manifest(ref: ShardRef) -> ShardManifest | None:
    """The manifest that lies there, whatever became of its files, or None.

    Raises CorruptArtifact if it is none, or the manifest of another shard; OtherVersion if it is of another farm3d.
    """
    where = layout.manifest(ref)
    if files.size(where) is None:
        return None
    entry = parse(ShardManifest, files.get(where), where, REMEDY)
    named = (entry.category, entry.stage, entry.digest, entry.index)
    if named != (ref.category, ref.stage, ref.digest, ref.index):
        raise CorruptArtifact(where, f"is the manifest of another shard, {named}", REMEDY)
    return entry


def verify(ref: ShardRef) -> list[SampleRow]:
    """The rows of a shard that is byte by byte what was committed, and whose rows fit its tar.

    Raises MissingArtifact if it is not committed, CorruptArtifact if it is not what was committed.
    """
    return verified_rows(ref, manifest(ref), files.get(layout.tar(ref)))


def verified_rows(ref: ShardRef, entry: ShardManifest, tar: bytes) -> list[SampleRow]:
    """The rows of a shard, once its tar and table are found to be what `entry` says and to fit each other.

    Raises CorruptArtifact otherwise.
    """
    _check_digest(layout.tar(ref), tar, entry.tar_sha256)
    positions, index = member_positions(tar, entry.columns, layout.tar(ref)), rows(ref, entry)
    for row in index:
        if row.kept and ref.stage != "derived" and IMAGE not in row.parts:
            raise CorruptArtifact(layout.table(ref), f"{row.key} is kept and has no image", REMEDY)
        for extension, position in row.parts.items():
            if positions.pop(f"{row.key}.{extension}", None) != position:
                raise CorruptArtifact(layout.table(ref), f"{row.key}.{extension} is not where its row says", REMEDY)
    if positions:
        what = f"{len(positions)} members have no row, {min(positions)!r} is one"
        raise CorruptArtifact(layout.tar(ref), what, REMEDY)
    return index


def rows(ref: ShardRef, entry: ShardManifest) -> list[SampleRow]:
    """The index of a shard, as its manifest `entry` pins it.

    Raises CorruptArtifact if it is another one.
    """
    data = files.get(layout.table(ref))
    _check_digest(layout.table(ref), data, entry.table_sha256)
    return from_parquet(data, layout.table(ref), entry.rows)


def quarantine_notes(root: str, category: str) -> list[Quarantined]:
    """All corrupt shards and snapshots of a category that were moved away, and why."""
    folder = layout.quarantine(root, category)
    notes = (layout.reason(layout.member(folder, name)) for name in files.names(folder))
    written = [note for note in notes if files.size(note) is not None]
    return [parse(Quarantined, files.get(note), note, "delete its folder") for note in written]


@contextmanager
def hold_shard(ref: ShardRef) -> Generator[ShardManifest | None]:
    """Hold a shard while making it, so that nobody makes it twice at once; gives `find_committed(ref)`."""
    with hold_lock(layout.tar(ref)):
        yield find_committed(ref)


def _encode(
    ref: ShardRef, samples: Iterable[Sample], rows: dict[str, SampleRow]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Key and members of every sample that is stored; the rows of all of them are added to `rows`."""
    columns: set[str] | None = None
    for sample in samples:
        members = encode_sample(sample)
        if wrong := _contradiction(ref, sample, rows) or _gap(ref, sample.row, members, columns):
            raise ValueError(f"{layout.tar(ref)}: sample {sample.row.key} {wrong}")
        height, width = (0, 0) if sample.image is None else sample.image.shape[:2]
        image_sha256 = sha256(members[IMAGE]).hexdigest() if IMAGE in members else ""
        measured = {"width": width, "height": height, "sha256": image_sha256}
        rows[sample.row.key] = sample.row.model_copy(update=measured)
        if members:
            columns = columns or set(members)
            yield sample.row.key, members


def _with_parts(row: SampleRow, tar: TarStream) -> SampleRow:
    """The row with what the tar holds of it."""
    names = {extension: f"{row.key}.{extension}" for extension in sorted(tar.extensions)}
    parts = {extension: tar.positions[name] for extension, name in names.items() if name in tar.positions}
    return row.model_copy(update={"parts": parts})


def _contradiction(ref: ShardRef, sample: Sample, earlier: Mapping[str, SampleRow]) -> str | None:
    """How a sample contradicts itself, its shard or the samples before it, and what to do."""
    row = sample.row
    if row.key in earlier:
        return "comes twice; give every sample of a shard its own seed"
    if row.category != ref.category:
        return f"is of category {row.category!r}; the shard is of {ref.category!r}"
    if row.kept == bool(row.reason):
        return f"has kept {row.kept} and reason {row.reason!r}; give a reason where it is dropped"
    if sample.mask is not None and (sample.image is None or sample.mask.shape != sample.image.shape[:2]):
        return f"has a mask of shape {sample.mask.shape}; give one of the image's size"
    return None


def _gap(ref: ShardRef, row: SampleRow, members: Mapping[str, bytes], columns: set[str] | None) -> str | None:
    """What a kept sample lacks, and what to do."""
    if ref.stage != "derived":
        lacking = row.kept and IMAGE not in members
        return "is kept and has no image; give the image or a reason to drop it" if lacking else None
    if IMAGE in members:
        return "has an image; a derived shard holds columns only"
    if row.kept and (not members or members.keys() != (columns or members.keys())):
        return f"has the columns {sorted(members)}, the samples before it {sorted(columns or ())}; give all the same"
    return None


def _commit(ref: ShardRef, put_tar: Callable[[], None], table: bytes, made: ShardManifest) -> None:
    try:
        put_tar()
        files.put(layout.table(ref), table)
        files.put(layout.manifest(ref), encode(made))
    except Exception:
        for url in (layout.manifest(ref), layout.table(ref), layout.tar(ref)):
            with suppress(OSError):
                files.remove(url)
        raise


def _read_intact(ref: ShardRef) -> ShardManifest:
    """The manifest of a shard that is byte by byte what was committed; of a remote tar, a local copy may answer."""
    entry = manifest(ref)
    _check_digest(layout.tar(ref), cache.read(layout.tar(ref), entry.tar_sha256), entry.tar_sha256)
    _check_digest(layout.table(ref), files.get(layout.table(ref)), entry.table_sha256)
    return entry


def _check_digest(where: str, data: bytes, expected: str) -> None:
    actual = sha256(data).hexdigest()
    if actual != expected:
        raise CorruptArtifact(where, f"has sha256 {actual[:16]}, its manifest says {expected[:16]}", REMEDY)


def _quarantine_if_corrupt(ref: ShardRef) -> ShardManifest | None:
    """What `find_committed` answers, by whoever holds the lock: a corrupt shard is moved away."""
    try:
        return _read_intact(ref)
    except MissingArtifact:
        return None
    except CorruptArtifact as error:
        reason = str(error)
    count = 1
    while files.names(layout.quarantine_folder(ref, count)):
        count += 1
    folder = layout.quarantine_folder(ref, count)
    note = Quarantined(shard=layout.tar(ref), reason=reason)
    files.put(layout.reason(folder), encode(note))
    for url in (layout.manifest(ref), layout.tar(ref), layout.table(ref)):
        files.move(url, layout.inside(folder, url))
    logger.warning("moved to quarantine: %s", reason)
    return None
