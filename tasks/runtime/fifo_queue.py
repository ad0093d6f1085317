"""First-come-first-served queue between processes on one machine.

Entries of dead processes are removed; suspended ones, as by Ctrl-Z, are skipped until they resume.

Not filelock or fasteners, which let every second waiter be overtaken, nor Prefect's slots, whose clients come again at
random and which a killed process keeps for five minutes.
"""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import get_native_id

SUSPENDED_SECONDS = 5.0
"""A process that has not asked for its turn for so long counts as suspended."""


@contextmanager
def queued(queue: Path) -> Generator[Callable[[], bool]]:
    """Hold an entry of the queue, a folder, while the block runs; yields a function that says whether it is first."""
    queue.mkdir(parents=True, exist_ok=True)
    entry = queue / f"{time.monotonic_ns():020d}-{get_native_id()}"
    hidden = queue / f".{entry.name}"

    def is_our_turn() -> bool:
        os.utime(entry)
        return not any(_is_waiting(other) for other in queue.glob("[0-9]*") if other.name < entry.name)

    with hidden.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Locked before anybody sees it: an entry without a lock is that of a dead process.
        hidden.rename(entry)
        try:
            yield is_our_turn
        finally:
            entry.unlink()


def _is_waiting(entry: Path) -> bool:
    """Whether a process that is awake holds the entry; that of a dead process is removed."""
    try:
        with entry.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return time.time() - os.fstat(file.fileno()).st_mtime < SUSPENDED_SECONDS
            entry.unlink()
    except FileNotFoundError:
        pass  # It has had its turn by now.
    return False
