"""Whose turn it is: who waits for the same thing on a machine stands in line as they came.

The dead are passed over, and whoever was stopped, as by Ctrl-Z, until they go on.
"""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import get_native_id

ASLEEP_SECONDS = 5.0
"""Since somebody last asked for their turn."""


@contextmanager
def standing(line: Path) -> Generator[Callable[[], bool]]:
    """Stand in a line, which is a folder, for as long as the block runs; gives what tells whether it is one's turn."""
    line.mkdir(parents=True, exist_ok=True)
    mine = line / f"{time.monotonic_ns():020d}-{get_native_id()}"
    hidden = line / f".{mine.name}"

    def is_our_turn() -> bool:
        os.utime(mine)
        return not any(_waits(each) for each in line.glob("[0-9]*") if each.name < mine.name)

    with hidden.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Locked before anybody sees it: what others find without a lock is of the dead.
        hidden.rename(mine)
        try:
            yield is_our_turn
        finally:
            mine.unlink()


def _waits(place: Path) -> bool:
    """Whether somebody awake stands there; the place of a dead one is taken away."""
    try:
        with place.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return time.time() - os.fstat(file.fileno()).st_mtime < ASLEEP_SECONDS
            place.unlink()
    except FileNotFoundError:
        pass  # It has its turn by now.
    return False
