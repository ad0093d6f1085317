"""Whole files, in a local folder or an object store: written at once or not at all, read, moved.

A local file is written beside its final name, flushed to the disk and renamed. S3 cannot rename, but shows an object
only when all of it has arrived, so it is put under its final name in one request (a large one in parts, which the last
request joins). Either way a reader never sees half a file, and files that belong together are committed by the one that
is written last: whoever dies or loses the store before it leaves files that nobody lists, and the rerun replaces them.

Of many writers of one name, `create` lets one win: by a hard link in a folder, on S3 by a put with `If-None-Match: *`.
Numbered snapshots need no more than that. What must not be done twice at once is kept apart by `storage.store.locks`.
"""

# fsspec has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import errno
import fcntl
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from storage.store.errors import REMEDY, MissingArtifact, StorageFull, words

CHUNK = 1 << 20
PART = ".part"
"""Ends the name of a file that is being written."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ABSENT = (FileNotFoundError, NotADirectoryError)
LOST_RACE = ("PreconditionFailed", "ConditionalRequestConflict")
"""What S3 answers to a conditional write that another writer was faster with."""


def put(url: str, data: bytes | memoryview) -> None:
    """Write all of `data` under this name, or leave what was there before.

    Raises StorageFull if there is no room for it, ConnectionError if the store cannot be reached.
    """
    with _open(url) as (files, path), catch_full_disk(url, f"{len(data)} bytes"):
        if isinstance(files, LocalFileSystem):
            with _write_unfinished(Path(path), (data,)) as part:
                os.replace(part, path)
        else:
            files.pipe_file(path, bytes(data))


@contextmanager
def draft(url: str, pieces: Iterable[bytes]) -> Generator[Callable[[], None]]:
    """Write the pieces of a file as they come, out of sight; gives what puts all of them under this name.

    Raises StorageFull if there is no room for them. Whatever ends the block, nothing else is left.
    """
    where = local(url)
    if where is None:
        data = b"".join(pieces)
        yield lambda: put(url, data)
        return
    with catch_full_disk(url, "all of it"), _write_unfinished(where, pieces) as part:
        yield lambda: os.replace(part, where)


def create(url: str, data: bytes) -> bool:
    """Write `data` under a name that nobody has taken; whether it is what lies there now."""
    where = local(url)
    if where is None:
        return put_if(url, data, IfNoneMatch="*") is not None
    with catch_full_disk(url, f"{len(data)} bytes"):
        return _link(where, data) or get(url) == data


def put_if(url: str, data: bytes, **condition: str) -> str | None:
    """Put an object on a condition of S3, `IfNoneMatch="*"` or `IfMatch=tag`: its new tag, or None if it fails."""
    with _open(url) as (files, path):
        try:
            return files.pipe_file(path, data, **condition)["ETag"]
        except OSError as error:
            if not _is_lost_race(error):
                raise
    # An earlier attempt of this very request may have arrived, and only its answer have been lost.
    entry = tag_and_size(url)
    return entry[0] if entry and get(url) == data else None


def tag_and_size(url: str) -> tuple[str, int] | None:
    """The tag of an object of S3, which changes whenever it is written, and its bytes; None where there is none."""
    with _open(url) as (files, path):
        try:
            entry = files.info(path)
        except ABSENT:
            return None
    return entry["ETag"], entry["size"]


def get(url: str) -> bytes:
    """All bytes of one file.

    Raises MissingArtifact if it does not exist, ConnectionError if the store cannot be reached.
    """
    with _open(url) as (files, path):
        try:
            return files.cat_file(path)
        except ABSENT as error:
            raise MissingArtifact(url, "does not exist", REMEDY) from error


def holds(url: str, data: bytes) -> bool:
    """Whether these bytes are what lies there."""
    try:
        return get(url) == data
    except MissingArtifact:
        return False


def size(url: str) -> int | None:
    """Bytes of one file, or None where there is none."""
    with _open(url) as (files, path):
        try:
            entry = files.info(path)
        except ABSENT:
            return None
    return entry["size"] if entry["type"] == "file" else None


def put_at(url: str) -> datetime:
    """When a file was put there, which a copy of it forgets. Raises FileNotFoundError without it."""
    with _open(url) as (files, path):
        return files.modified(path)


def names(folder: str) -> list[str]:
    """Names of the files and folders in a folder, sorted; none if it does not exist. Unfinished files are left out."""
    with _open(folder) as (files, path):
        try:
            entries = [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in files.ls(path, detail=False)]
        except ABSENT:
            return []
    return sorted(name for name in entries if not name.startswith("."))


def unfinished_names(folder: str) -> list[str]:
    """Names of what killed writers left in a local folder, sorted: unfinished files that nobody writes any more."""
    path = local(folder)
    return sorted(part.name for part in path.glob(f".*{PART}") if is_unlocked(part)) if path else []


def move(url: str, to: str) -> None:
    """Give a file another name; where it does not exist, do nothing."""
    if size(url) is None:
        return
    with _open(url) as (files, path), _open(to) as (_, target):
        if isinstance(files, LocalFileSystem):
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        else:
            files.mv(path, target)


def remove(url: str) -> None:
    """Delete a file; where it does not exist, do nothing."""
    with _open(url) as (files, path), suppress(*ABSENT):
        files.rm_file(path)


def local(url: str) -> Path | None:
    """Where a file lies on this machine; None if it lies in an object store."""
    with _open(url) as (files, path):
        return Path(path) if isinstance(files, LocalFileSystem) else None


def absolute_root(root: str) -> str:
    """The same place from any working folder."""
    return str(local(root) or root.rstrip("/"))


@contextmanager
def _open(url: str) -> Generator[tuple[Any, str]]:
    """The file system, which must not answer from memory what other machines may have changed, and the path in it.

    Only what has `://` is an address; of a path of this machine no letter means anything, so fsspec never parses one.
    What its libraries say of a lost connection, each in its own words, becomes a ConnectionError.
    """
    if "://" in url:
        files, path = url_to_fs(url, use_listings_cache=False)
    else:
        files, path = LocalFileSystem(), os.path.abspath(os.path.expanduser(url))
    try:
        yield files, str(path)
    except _disconnections(files) as error:
        raise ConnectionError(f"{url}: the store cannot be reached ({words(error)}); run again when it can") from error


def _disconnections(files: Any) -> tuple[type[Exception], ...]:  # noqa: ANN401 - fsspec has no types
    if isinstance(files, LocalFileSystem):
        return ()
    from aiohttp import ClientError
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.exceptions import HTTPClientError

    return NoConnection, HTTPClientError, ClientError, TimeoutError


def _is_lost_race(error: OSError) -> bool:
    answer = getattr(error.__cause__, "response", {})
    return answer.get("Error", {}).get("Code") in LOST_RACE


def _link(path: Path, data: bytes) -> bool:
    with _write_unfinished(path, (data,)) as part:
        try:
            os.link(part, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _write_unfinished(path: Path, pieces: Iterable[bytes | memoryview]) -> Generator[Path]:
    """A file with these contents, on the disk, which may get its final name; the name it has until then is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}{PART}")
    file = _claim(part)
    try:
        os.ftruncate(file, 0)
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(file, rest[:CHUNK]) :]
        os.fsync(file)
        yield part
    finally:
        if _is_name_of(part, file):
            part.unlink()
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_unlocked(path: Path) -> bool:
    """Whether nobody alive holds a file of this machine; whoever asks is in nobody's way."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _claim(part: Path) -> int:
    """The unfinished file, held by this writer alone. A killed writer's leftover is taken over, so none pile up."""
    while True:
        # Whom else it may be read and written by is for the user's umask to say, as of any file.
        file = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(file, fcntl.LOCK_EX)
        if _is_name_of(part, file):
            return file
        # Whoever held it has renamed or deleted it since: what is locked here is no longer the unfinished file.
        os.close(file)


def _is_name_of(path: Path, file: int) -> bool:
    """Whether this name is still that of an open file."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def catch_full_disk(url: str, what: str) -> Generator[None]:
    """Turns a full disk into a StorageFull that says what was asked for."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        remedy = f"free some space or raise the quota ({os.strerror(error.errno)}), then run again"
        raise StorageFull(url, f"there is no room for {what}", remedy) from error
