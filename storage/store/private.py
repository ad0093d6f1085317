"""Folders and files that nobody but their owner can change, also where others may write beside them."""

import os
import stat
from pathlib import Path

from storage.store.errors import NotPrivate

REMEDY = "remove it, or set TMPDIR and PREFECT_HOME to folders of your own"


def make_private_folder(folder: Path) -> Path:
    """The folder, made where there is none, with all rights for its owner and none for others.

    Raises NotPrivate if it is a link or no folder, belongs to another user, or others may write to it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        status = folder.lstat()
        _check_owner(folder, status, "folder", stat.S_ISDIR(status.st_mode))
        folder.chmod(stat.S_IRWXU)
    return folder


def open_private_file(file: Path, flags: int) -> int:
    """A file descriptor of a plain file of ours, made with mode 0600 where there is none.

    A link is not followed, and a named pipe is not waited for.

    Raises NotPrivate if it is no plain file, belongs to another user, or others may write to it.
    """
    try:
        descriptor = os.open(file, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        # A link, a pipe without a reader, a folder, or somebody else's file.
        raise NotPrivate(str(file), f"cannot be opened as a file of ours ({error.strerror})", REMEDY) from error
    try:
        status = os.fstat(descriptor)
        _check_owner(file, status, "file", stat.S_ISREG(status.st_mode))
        os.fchmod(descriptor, 0o600)
    except NotPrivate:
        os.close(descriptor)
        raise
    return descriptor


def write_private_file(file: Path, text: str) -> None:
    """Put a text into a file that only its owner can read."""
    with os.fdopen(open_private_file(file, os.O_WRONLY), "w") as stream:
        stream.truncate(0)
        stream.write(text)


def _check_owner(path: Path, status: os.stat_result, kind: str, is_plain: bool) -> None:
    if not is_plain:
        what = f"is no plain {kind}"
    elif status.st_uid != os.getuid():
        what = f"belongs to user {status.st_uid}"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        what = f"may be changed by others (mode {stat.S_IMODE(status.st_mode):04o})"
    else:
        return
    raise NotPrivate(str(path), what, REMEDY)
