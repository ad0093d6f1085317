"""Processes that die, at every single step of a write if need be, and disks that fill up."""

import errno
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from storage.store import files


def forked(work: Callable[[], object]) -> int:
    """Do it in another process; its number."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def inside(enter: Callable[[], AbstractContextManager[object]]) -> int:
    """The number of another process that has entered this and stays there until it is killed, a minute at most."""
    ready, tell = os.pipe()

    def stay() -> None:
        with enter():
            os.write(tell, b"!")
            # Not for ever: a test that fails before it kills leaves no process behind.
            time.sleep(60)

    child = forked(stay)
    os.close(tell)
    assert os.read(ready, 1), "it died before it had entered"
    os.close(ready)
    return child


def ended(child: int) -> int:
    """0 for success, minus the signal for a death."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do it in a process that is killed at its `step`-th touch of the disk, half way through if that is a write."""

    def dying() -> None:
        left = step

        def mortal(call: Callable) -> Callable:
            def wrapped(*arguments):
                nonlocal left
                left -= 1
                if left < 0:
                    if call is write:
                        write(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments)

            return wrapped

        write = os.write
        files.CHUNK = 4096
        for name in ("write", "fsync", "replace", "link", "ftruncate", "unlink", "remove"):
            setattr(os, name, mortal(getattr(os, name)))
        work()

    code = ended(forked(dying))
    assert code in (0, -signal.SIGKILL)
    return code != 0


def full_after(writes: int, monkeypatch) -> None:
    """From now on the disk takes so many writes and no more."""
    write, left = os.write, writes

    def full(file: int, data: bytes) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
