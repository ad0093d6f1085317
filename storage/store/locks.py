"""Locks by name: one holder at a time, and a dead holder does not keep the others out for good.

In a folder the lock is a file that the kernel locks: it holds between threads and processes of one machine, and is
freed when its holder dies. On S3 it is a lease, an object beside what it guards: created or taken over by a conditional
put, so that one of many machines wins; written again by its holder four times per `LAPSES_SECONDS`; empty once it is
given back. A lease that did not change for `LAPSES_SECONDS`, by the clock of whoever waits, is taken to be a dead
holder's. So the clocks of the machines need not agree.

A holder that was suspended for longer than that may work beside the next holder. Outputs stay consistent even then:
snapshots are created under a name that is free, and the files of a shard or bundle are checked against the digests in
its manifest.
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
_CHECKED_BUCKETS: set[str] = set()
"""Buckets whose store was found to keep to the conditions of a write."""


@contextmanager
def hold_lock(url: str) -> Generator[None]:
    """Hold the lock of this name against every thread, process and machine."""
    lock = layout.lock(url)
    where = files.local(lock)
    with _hold_lease(lock) if where is None else _hold_file(where):
        yield


def is_locked(url: str) -> bool:
    """Whether somebody alive holds the lock of this name; of an S3 lease that takes up to `LAPSES_SECONDS` to see."""
    lock = layout.lock(url)
    where = files.local(lock)
    if where is None:
        return _is_renewed(lock)
    try:
        return not files.is_unlocked(where)
    except FileNotFoundError:
        return False


def _is_renewed(lock: str) -> bool:
    """Whether a lease is there, and is written again before it lapses."""
    before, lapse = files.tag_and_size(lock), time.monotonic() + LAPSES_SECONDS
    while before and before[1] and time.monotonic() < lapse:
        time.sleep(POLL_SECONDS)
        if (now := files.tag_and_size(lock)) != before:
            return now is not None and now[1] > 0
    return False


@contextmanager
def _hold_file(lock: Path) -> Generator[None]:
    with files.catch_full_disk(str(lock), "it"):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = _open_lock(lock)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s: waiting for another writer", lock)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _open_lock(lock: Path) -> int:
    """To be written, as NFS asks of what is locked; one of another user, who let only read it, to be read."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not lock.exists():
            raise
        return os.open(lock, os.O_RDONLY)


@contextmanager
def _hold_lease(lock: str) -> Generator[None]:
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
        lease, since = files.tag_and_size(self.lock), time.monotonic()
        if lease and lease[1]:
            logger.info("%s: waiting for another writer", self.lock)
        while not self._try_to_take(lease, time.monotonic() - since > LAPSES_SECONDS):
            time.sleep(POLL_SECONDS)
            if (now := files.tag_and_size(self.lock)) != lease:
                lease, since = now, time.monotonic()

    def keep(self, over: Event) -> None:
        """Show that the holder lives, until it is over."""
        while not over.wait(LAPSES_SECONDS / 4):
            try:
                tag = files.put_if(self.lock, _token(), IfMatch=self.tag)
            except Exception as error:  # noqa: BLE001 - whatever it was, only another attempt keeps the lease
                logger.warning("%s: was not renewed: %s", self.lock, error)
                continue
            if tag is None:
                logger.warning("%s: was not renewed in time; another writer has taken it over", self.lock)
                return
            self.tag = tag

    def give_back(self) -> None:
        """Free the lock, unless another writer has it by now; a store that is away frees it when it lapses."""
        try:
            files.put_if(self.lock, b"", IfMatch=self.tag)
        except Exception as error:  # noqa: BLE001 - what was done under the lock is over, and its own error counts
            logger.warning("%s: was not given back: %s", self.lock, error)

    def _try_to_take(self, lease: tuple[str, int] | None, lapsed: bool) -> bool:
        if lease is None:
            tag = files.put_if(self.lock, _token(), IfNoneMatch="*")
        elif lapsed or not lease[1]:
            tag = files.put_if(self.lock, _token(), IfMatch=lease[0])
        else:
            return False
        self.tag = tag or ""
        return tag is not None


def _token() -> bytes:
    """What nobody else writes."""
    return uuid4().hex.encode()


def _check_conditions(lock: str) -> None:
    """Raises ValueError if the store ignores the conditions of a write; tried once for each bucket."""
    bucket = lock.split("/")[2]
    if bucket in _CHECKED_BUCKETS:
        return
    probe = f"{lock}.{uuid4().hex}"
    conditions_hold = files.create(probe, _token()) and not files.create(probe, _token())
    files.remove(probe)
    if not conditions_hold:
        raise ValueError(f"s3://{bucket}: ignores `If-None-Match: *`; take a store that does not, or a folder")
    _CHECKED_BUCKETS.add(bucket)
