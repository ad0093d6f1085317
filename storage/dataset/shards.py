"""Shards: 64 to 1,000 samples in one tar with its index, made once, and committed by the manifest that is written last.

Whatever happens before the manifest has its name is redone; whatever happens after is skipped.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ValidationError

from storage.dataset.members import FEATURES, IMAGE, JSON, MASK, Sample, Tar, encoded, places
from storage.dataset.records import SampleRow, ShardManifest
from storage.dataset.tables import from_parquet, to_parquet
from storage.runs.revision import code
from storage.store import cache, files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, words
from storage.store.locks import locked
from storage.store.references import Record, ShardRef, digest

logger = logging.getLogger(__name__)

REMEDY = "put the shard in quarantine and make it again"


class Quarantined(Record):
    """A corrupt shard that was moved away."""

    shard: str
    reason: str


def write(
    ref: ShardRef, samples: Iterable[Sample], config: BaseModel | Mapping[str, Any], made_from: str = ""
) -> ShardManifest:
    """Write and commit one shard; if another writer committed it in the meantime, that one stands.

    `config` is the recipe whose digest names the shard, `made_from` the sha256 of the raw tar it was curated from.
    Raises StorageFull with nothing left behind, ValueError for samples that contradict themselves.
    """
    if digest(config) != ref.digest:
        raise ValueError(f"{layout.manifest(ref)}: the recipe's digest is {digest(config)}; name the shard after it")
    seen: dict[str, SampleRow] = {}
    tar = Tar(_members(ref, samples, seen), layout.tar(ref))
    with files.draft(layout.tar(ref), tar) as put_tar:
        rows = [_placed(row, tar.places) for row in seen.values()]
        table = to_parquet(rows)
        made = ShardManifest(
            category=ref.category,
            stage=ref.stage,
            digest=ref.digest,
            index=ref.index,
            config=config.model_dump(mode="json") if isinstance(config, BaseModel) else json.loads(json.dumps(config)),
            made_from=made_from,
            code=code(),
            rows=len(rows),
            stored=sum(row.image_size > 0 for row in rows),
            kept=sum(row.kept for row in rows),
            reasons=dict(sorted(Counter(row.reason for row in rows if not row.kept).items())),
            tar_bytes=tar.bytes,
            tar_sha256=tar.sha256.hexdigest(),
            table_bytes=len(table),
            table_sha256=sha256(table).hexdigest(),
        )
        with locked(layout.manifest(ref)):
            if (found := _sound(ref)) is not None:
                return found
            _commit(ref, put_tar, table, made)
    return made


def committed(ref: ShardRef) -> ShardManifest | None:
    """The manifest of a committed shard, or None if it has to be made: because it is missing, or corrupt.

    A corrupt one, even by one bit, is moved to quarantine.
    """
    try:
        return _intact(ref)
    except MissingArtifact:
        return None
    except CorruptArtifact:
        with locked(layout.manifest(ref)):
            return _sound(ref)


def manifest(ref: ShardRef) -> ShardManifest:
    """The manifest of a committed shard whose files have the right sizes.

    Raises MissingArtifact if it is not committed, CorruptArtifact if a file is gone or has another size.
    """
    found = _read(ref)
    if found is None:
        raise MissingArtifact(layout.manifest(ref), "is not committed", "run the stage that makes it")
    for url, expected in ((layout.tar(ref), found.tar_bytes), (layout.table(ref), found.table_bytes)):
        if (size := files.size(url)) != expected:
            raise CorruptArtifact(url, "is gone" if size is None else f"has {size} bytes, not {expected}", REMEDY)
    return found


def verify(ref: ShardRef) -> list[SampleRow]:
    """The rows of a shard that is byte by byte what was committed, and whose rows fit its tar.

    Raises MissingArtifact if it is not committed, CorruptArtifact if it is not what was committed.
    """
    return checked(ref, manifest(ref), files.get(layout.tar(ref)))


def checked(ref: ShardRef, entry: ShardManifest, tar: bytes) -> list[SampleRow]:
    """The rows of a shard, once its tar and table are found to be what `entry` says and to fit each other.

    Raises CorruptArtifact otherwise.
    """
    _same(layout.tar(ref), tar, entry.tar_sha256)
    found, index = places(tar, layout.tar(ref)), rows(ref, entry)
    for row in index:
        for extension, offset, size in stored(row):
            if found.pop(f"{row.key}.{extension}", None) != (offset, size):
                raise CorruptArtifact(layout.table(ref), f"{row.key}.{extension} is not where its row says", REMEDY)
        found.pop(f"{row.key}.{JSON}", None)
    if found:
        raise CorruptArtifact(layout.tar(ref), f"{len(found)} members have no row, {min(found)!r} is one", REMEDY)
    return index


def rows(ref: ShardRef, entry: ShardManifest) -> list[SampleRow]:
    """The index of a shard, as its manifest `entry` vouches for it.

    Raises CorruptArtifact if it is not.
    """
    data = files.get(layout.table(ref))
    _same(layout.table(ref), data, entry.table_sha256)
    found = from_parquet(data, layout.table(ref))
    if len(found) != entry.rows:
        raise CorruptArtifact(layout.table(ref), f"has {len(found)} rows, not {entry.rows}", REMEDY)
    return found


def stored(row: SampleRow) -> Iterator[tuple[str, int, int]]:
    """Extension, offset and size of every array that is stored of a sample."""
    members = (
        (IMAGE, row.image_offset, row.image_size),
        (MASK, row.mask_offset, row.mask_size),
        (FEATURES, row.features_offset, row.features_size),
    )
    return (member for member in members if member[2])


def quarantined(root: str, category: str) -> list[Quarantined]:
    """All corrupt shards of a category that were moved away, and why."""
    folder = layout.quarantine(root, category)
    notes = (layout.reason(layout.member(folder, name)) for name in files.names(folder))
    return [Quarantined.model_validate_json(files.get(note)) for note in notes if files.size(note) is not None]


@contextmanager
def working(ref: ShardRef) -> Generator[ShardManifest | None]:
    """Hold a shard while making it, so that nobody makes it twice at once; gives `committed(ref)`."""
    with locked(layout.tar(ref)):
        yield committed(ref)


def _members(
    ref: ShardRef, samples: Iterable[Sample], seen: dict[str, SampleRow]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Key and encoded members of every sample that is stored; the rows of all of them are added to those `seen`."""
    for sample in samples:
        if wrong := _wrong(ref, sample, seen):
            raise ValueError(f"{layout.tar(ref)}: sample {sample.row.key} {wrong}")
        parts = encoded(sample)
        height, width = (0, 0) if sample.image is None else sample.image.shape[:2]
        image_sha256 = sha256(parts[IMAGE]).hexdigest() if parts else ""
        measured = {"width": width, "height": height, "sha256": image_sha256}
        seen[sample.row.key] = sample.row.model_copy(update=measured)
        if parts:
            yield sample.row.key, parts


def _placed(row: SampleRow, found: Mapping[str, tuple[int, int]]) -> SampleRow:
    update: dict[str, int] = {}
    for name, extension in (("image", IMAGE), ("mask", MASK), ("features", FEATURES)):
        offset, size = found.get(f"{row.key}.{extension}", (0, 0))
        update |= {f"{name}_offset": offset, f"{name}_size": size}
    return row.model_copy(update=update)


def _wrong(ref: ShardRef, sample: Sample, earlier: Mapping[str, SampleRow]) -> str | None:
    """How a sample contradicts itself, its shard or the samples before it, and what to do."""
    row = sample.row
    if row.key in earlier:
        return "comes twice; give every sample of a shard its own seed"
    if row.category != ref.category:
        return f"is of category {row.category!r}; the shard is of {ref.category!r}"
    if row.kept == bool(row.reason):
        return f"has kept {row.kept} and reason {row.reason!r}; give a reason where it is dropped"
    if row.kept and sample.image is None:
        return "is kept and has no image; give the image or a reason to drop it"
    if sample.mask is not None and (sample.image is None or sample.mask.shape != sample.image.shape[:2]):
        return f"has a mask of shape {sample.mask.shape}; give one of the image's size"
    return None


def _commit(ref: ShardRef, put_tar: Callable[[], None], table: bytes, made: ShardManifest) -> None:
    try:
        put_tar()
        files.put(layout.table(ref), table)
        files.put(layout.manifest(ref), made.model_dump_json(indent=1).encode())
    except Exception:
        for url in (layout.manifest(ref), layout.table(ref), layout.tar(ref)):
            with suppress(OSError):
                files.remove(url)
        raise


def _read(ref: ShardRef) -> ShardManifest | None:
    """The manifest that lies there, or None.

    Raises CorruptArtifact if it is none, or the manifest of another shard.
    """
    where = layout.manifest(ref)
    if files.size(where) is None:
        return None
    try:
        found = ShardManifest.model_validate_json(files.get(where))
    except ValidationError as error:
        raise CorruptArtifact(where, f"is no manifest of a shard ({words(error)})", REMEDY) from error
    named = (found.category, found.stage, found.digest, found.index)
    if named != (ref.category, ref.stage, ref.digest, ref.index):
        raise CorruptArtifact(where, f"is the manifest of another shard, {named}", REMEDY)
    return found


def _intact(ref: ShardRef) -> ShardManifest:
    """The manifest of a shard that is byte by byte what was committed; of a remote tar, a local copy may answer."""
    found = manifest(ref)
    _same(layout.tar(ref), cache.read(layout.tar(ref), found.tar_sha256), found.tar_sha256)
    _same(layout.table(ref), files.get(layout.table(ref)), found.table_sha256)
    return found


def _same(where: str, data: bytes, digest: str) -> None:
    if sha256(data).hexdigest() != digest:
        raise CorruptArtifact(where, "has other contents than its manifest says", REMEDY)


def _sound(ref: ShardRef) -> ShardManifest | None:
    """What `committed` answers, by whoever holds the lock: a corrupt shard is moved away."""
    try:
        return _intact(ref)
    except MissingArtifact:
        return None
    except CorruptArtifact as error:
        reason = str(error)
    count = 1
    while files.names(layout.quarantined(ref, count)):
        count += 1
    folder = layout.quarantined(ref, count)
    note = Quarantined(shard=layout.tar(ref), reason=reason)
    files.put(layout.reason(folder), note.model_dump_json().encode())
    for url in (layout.manifest(ref), layout.tar(ref), layout.table(ref)):
        files.move(url, layout.inside(folder, url))
    logger.warning("moved to quarantine: %s", reason)
    return None
