"""Whole files, in a local folder or an object store: written at once or not at all, read, moved, locked.

A local file is written beside its final name, flushed to the disk and renamed. Object stores cannot rename, but show an
object only when all of it is there, so it is put under its final name at once. Either way a reader never sees half a
file, and a folder of files is committed by the one that is written last.
"""

# fsspec has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import errno
import fcntl
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from storage.errors import CorruptArtifact, MissingArtifact, StorageFull

logger = logging.getLogger(__name__)

CHUNK = 1 << 20
PART = ".part"
"""Ends the name of a file that is being written."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ABSENT = (FileNotFoundError, NotADirectoryError)


def put(url: str, data: bytes | memoryview) -> None:
    """Write all of `data` under this name, or leave what was there before.

    Raises StorageFull if there is no room for it.
    """
    files, path = _opened(url)
    with _room_for(url, len(data)):
        if isinstance(files, LocalFileSystem):
            _replace(Path(path), data)
        else:
            files.pipe_file(path, bytes(data))


def get(url: str) -> bytes:
    """All bytes of one file.

    Raises MissingArtifact if it does not exist.
    """
    files, path = _opened(url)
    try:
        return files.cat_file(path)
    except ABSENT as error:
        raise MissingArtifact(url, "does not exist", "run the stage that makes it") from error


def size(url: str) -> int | None:
    """Bytes of one file, or None where there is none."""
    files, path = _opened(url)
    try:
        found = files.info(path)
    except ABSENT:
        return None
    return found["size"] if found["type"] == "file" else None


def names(folder: str) -> list[str]:
    """Names of the files and folders in a folder, sorted; none if it does not exist. Unfinished files are left out."""
    files, path = _opened(folder)
    try:
        found = [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in files.ls(path, detail=False)]
    except ABSENT:
        return []
    return sorted(name for name in found if not name.startswith("."))


def unfinished(folder: str) -> list[str]:
    """Names of what killed writers left in a local folder, sorted: unfinished files that nobody writes any more."""
    files, path = _opened(folder)
    if not isinstance(files, LocalFileSystem):
        return []
    return sorted(part.name for part in Path(path).glob(f".*{PART}") if _abandoned(part))


def move(url: str, to: str) -> None:
    """Give a file another name; where it does not exist, do nothing."""
    if size(url) is None:
        return
    (files, path), (_, target) = _opened(url), _opened(to)
    if isinstance(files, LocalFileSystem):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    else:
        files.mv(path, target)


def remove(url: str) -> None:
    """Delete a file; where it does not exist, do nothing."""
    files, path = _opened(url)
    with suppress(*ABSENT):
        files.rm_file(path)


def local(url: str, digest: str) -> Path:
    """A local file with these contents: the file itself, or a copy kept by its sha256 `digest` in the user's cache.

    Raises CorruptArtifact if what was copied has another digest.
    """
    files, path = _opened(url)
    if isinstance(files, LocalFileSystem):
        return Path(path)
    cache = _cache() / digest
    if not cache.exists() or sha256(cache.read_bytes()).hexdigest() != digest:
        data = get(url)
        if sha256(data).hexdigest() != digest:
            raise CorruptArtifact(url, f"has other contents than sha256 {digest[:16]}", "verify the data set")
        put(str(cache), data)
    return cache


def absolute(root: str) -> str:
    """The same place from any working folder."""
    files, path = _opened(root)
    return path if isinstance(files, LocalFileSystem) else root.rstrip("/")


@contextmanager
def locked(url: str) -> Generator[None]:
    """Hold the lock of this name against every thread and process of the machine; the kernel frees it on any death.

    For an object store the lock lies in the user's cache: writers on several machines are kept apart by the
    orchestrator's limits, not by this.
    """
    files, path = _opened(url)
    if isinstance(files, LocalFileSystem):
        lock = Path(path).with_name(f".{Path(path).name}.lock")
    else:
        lock = _cache() / f"{sha256(url.encode()).hexdigest()}.lock"
    with _room_for(url, 0):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s: waiting for another writer", url)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _opened(url: str) -> tuple[Any, str]:
    """The file system, which must not answer from memory what other machines may have changed, and the path in it."""
    files, path = url_to_fs(url, use_listings_cache=False)
    return files, str(path)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "farm3d"


def _replace(path: Path, data: bytes | memoryview) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}{PART}")
    file = _claimed(part)
    try:
        os.ftruncate(file, 0)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest[:CHUNK]) :]
        os.fsync(file)
        os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _abandoned(part: Path) -> bool:
    with part.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _claimed(part: Path) -> int:
    """The unfinished file, held by this writer alone. A killed writer's leftover is taken over, so none pile up."""
    while True:
        file = os.open(part, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(part)):
                return file
        # Whoever held it has renamed or deleted it since: what is locked here is no longer the unfinished file.
        os.close(file)


@contextmanager
def _room_for(url: str, count: int) -> Generator[None]:
    """Turns a full disk into a StorageFull that says how much was asked for."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        remedy = f"free some space or raise the quota ({os.strerror(error.errno)}), then run again"
        raise StorageFull(url, f"there is no room for {count} bytes", remedy) from error
