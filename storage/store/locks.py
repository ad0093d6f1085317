"""Locks by name: one holder at a time, and a dead holder does not keep the others out for good.

In a folder the kernel keeps threads and processes of the machine apart, and frees the lock on any death. On S3 the lock
is a lease, an object beside what it guards: created or taken over by a conditional put, so that one of many machines
wins; written again four times per `LAPSES_SECONDS` by its holder; empty once it is given back. A lease that does not
change for that long, by the waiter's own clock, is a dead holder's, so the clocks of the machines need not agree.

A holder that was stopped for longer than that goes on beside the next one. Nothing is torn even then: snapshots are
created under a name that is free, and what is written in several files is held against the digests in its manifest.
"""

import fcntl
import logging
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from storage.store import files, layout

logger = logging.getLogger(__name__)

LAPSES_SECONDS = 60.0
POLL_SECONDS = 0.5
_HONOURED: set[str] = set()
"""Buckets whose store keeps to the conditions of a write."""


@contextmanager
def locked(url: str) -> Generator[None]:
    """Hold the lock of this name against every thread, process and machine."""
    lock = layout.lock(url)
    where = files.local(lock)
    with _leased(lock) if where is None else _flocked(where):
        yield


def held(url: str) -> bool:
    """Whether somebody alive holds the lock of this name; of an S3 lease that takes up to `LAPSES_SECONDS` to see."""
    lock = layout.lock(url)
    where = files.local(lock)
    if where is None:
        return _renewed(lock)
    try:
        return not files.unlocked(where)
    except FileNotFoundError:
        return False


def _renewed(lock: str) -> bool:
    """Whether a lease is there, and is written again before it lapses."""
    seen, lapse = files.state(lock), time.monotonic() + LAPSES_SECONDS
    while seen and seen[1] and time.monotonic() < lapse:
        time.sleep(POLL_SECONDS)
        if (now := files.state(lock)) != seen:
            return now is not None and now[1] > 0
    return False


@contextmanager
def _flocked(lock: Path) -> Generator[None]:
    with files.room_for(str(lock), "it"):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s: waiting for another writer", lock)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def _leased(lock: str) -> Generator[None]:
    lease, over = _Lease(lock), Event()
    lease.take()
    keeper = Thread(target=lease.keep, args=(over,), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        lease.give_back()


class _Lease:
    """One holder's hold on a lock object. Its tag says whether the object is still as this holder wrote it."""

    def __init__(self, lock: str) -> None:
        self.lock, self.tag = lock, ""

    def take(self) -> None:
        """Wait until the lock is free or its holder is dead."""
        _check_conditions(self.lock)
        seen, since = files.state(self.lock), time.monotonic()
        if seen and seen[1]:
            logger.info("%s: waiting for another writer", self.lock)
        while not self._taken(seen, time.monotonic() - since > LAPSES_SECONDS):
            time.sleep(POLL_SECONDS)
            if (now := files.state(self.lock)) != seen:
                seen, since = now, time.monotonic()

    def keep(self, over: Event) -> None:
        """Show that the holder lives, until it is over."""
        while not over.wait(LAPSES_SECONDS / 4):
            try:
                tag = files.conditional(self.lock, _token(), IfMatch=self.tag)
            except OSError as error:
                logger.warning("%s: was not renewed: %s", self.lock, error)
                continue
            if tag is None:
                logger.warning("%s: was silent for too long; another writer has taken it over", self.lock)
                return
            self.tag = tag

    def give_back(self) -> None:
        """Free the lock, unless another writer has it by now; a store that is away frees it when it lapses."""
        try:
            files.conditional(self.lock, b"", IfMatch=self.tag)
        except OSError as error:
            logger.warning("%s: was not given back: %s", self.lock, error)

    def _taken(self, seen: tuple[str, int] | None, lapsed: bool) -> bool:
        if seen is None:
            tag = files.conditional(self.lock, _token(), IfNoneMatch="*")
        elif lapsed or not seen[1]:
            tag = files.conditional(self.lock, _token(), IfMatch=seen[0])
        else:
            return False
        self.tag = tag or ""
        return tag is not None


def _token() -> bytes:
    """What nobody else writes."""
    return uuid4().hex.encode()


def _check_conditions(lock: str) -> None:
    """Raises ValueError if the store overwrites what it was told to create; asked once for each bucket."""
    bucket = lock.split("/")[2]
    if bucket in _HONOURED:
        return
    probe = f"{lock}.{uuid4().hex}"
    honoured = files.create(probe, _token()) and not files.create(probe, _token())
    files.remove(probe)
    if not honoured:
        raise ValueError(f"s3://{bucket}: ignores `If-None-Match: *`; take a store that does not, or a folder")
    _HONOURED.add(bucket)
