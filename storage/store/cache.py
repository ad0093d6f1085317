"""Copies of remote files on this machine, named after their sha256; the least recently used go when it is full."""

import os
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from storage.store import files
from storage.store.errors import CorruptArtifact

LIMIT = "FARM3D_CACHE_GIB"
"""The environment variable with the most that the copies may take."""
DEFAULT_GIB = 20.0


def read(url: str, digest: str) -> bytes:
    """All bytes of a file: of a remote one, those with this sha256, from its copy if there is a whole one.

    Raises CorruptArtifact if what was copied has another digest; ValueError if the limit of the copies is no number.
    """
    if files.local(url):
        return files.get(url)
    copy, room = _folder() / digest, _room()
    with suppress(FileNotFoundError):
        data = copy.read_bytes()
        if sha256(data).hexdigest() == digest:
            _touch(copy)
            return data
    data = files.get(url)
    if (actual := sha256(data).hexdigest()) != digest:
        raise CorruptArtifact(url, f"has sha256 {actual[:16]}, not {digest[:16]}", "verify the data set")
    files.put(str(copy), data)
    _touch(copy)
    _shrink(copy, room)
    return data


def open_copy(url: str, digest: str) -> BinaryIO:
    """The file, or its copy, which is fetched again if it had to go; open, so that it stays until it is closed."""
    where = files.local(url) or _folder() / digest
    while True:
        try:
            return where.open("rb")
        except FileNotFoundError:
            read(url, digest)


def _touch(copy: Path) -> None:
    """Date it by the fine clock: what the kernel writes by itself moves in ticks."""
    now = time.time_ns()
    os.utime(copy, ns=(now, now))


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "farm3d"


def _room() -> float:
    """Bytes that the copies may take."""
    limit = os.environ.get(LIMIT) or DEFAULT_GIB
    try:
        return float(limit) * 2**30
    except ValueError:
        raise ValueError(f"{LIMIT} is {limit!r}; give a number of GiB, such as {DEFAULT_GIB:g}") from None


def _shrink(newest: Path, room: float) -> None:
    """Delete copies, the longest unused first, until the rest fits; the newest stays."""
    for copy, known in _copies(newest.parent):
        room -= known.st_size
        if room < 0 and copy != newest:
            copy.unlink(missing_ok=True)


def _copies(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """The whole ones, the last used first; another process may delete some meanwhile."""
    copies: list[tuple[Path, os.stat_result]] = []
    for copy in folder.iterdir():
        with suppress(FileNotFoundError):
            if not copy.name.startswith("."):
                copies.append((copy, copy.stat()))
    return sorted(copies, key=lambda entry: entry[1].st_mtime_ns, reverse=True)
