"""Pins that protect snapshots from pruning while a flow uses them.

A pin is a small file with a lock of its own: it counts while the process that took it lives, and no longer.
"""

import os
import platform
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from uuid import uuid4

from pydantic import Field

from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.locks import hold_lock, is_locked
from storage.store.references import DatasetRef
from storage.store.versions import Versioned, encode, parse


class Pin(Versioned):
    """What stays, and for whom."""

    holder: str
    snapshot: int | None = Field(default=None, ge=1, description="none: all of the category")


@contextmanager
def pin_category(root: str, category: str) -> Generator[Callable[[DatasetRef], None]]:
    """Pin all snapshots of a category while the block runs; gives `pin_snapshot`, which keeps the pin on one alone."""
    where, pruning = layout.pin(root, category, uuid4().hex), layout.snapshots(root, category)
    holder = f"process {os.getpid()} of {platform.node()}"

    def pin_snapshot(crops: DatasetRef) -> None:
        with hold_lock(pruning):
            _put(where, Pin(holder=holder, snapshot=crops.snapshot))

    try:
        with ExitStack() as locks:
            # What is being pruned is gone before it can be pinned, and who prunes sees no pin that is not locked yet.
            with hold_lock(pruning):
                _remove_dead(root, category)
                _put(where, Pin(holder=holder))
                locks.enter_context(hold_lock(where))
            yield pin_snapshot
    finally:
        for url in _files(where):
            files.remove(url)


def living_pins(root: str, category: str) -> tuple[list[Pin], list[str]]:
    """The pins of a category that count, and the files that killed processes left."""
    living: list[Pin] = []
    folder = layout.pins(root, category)
    left = [layout.member(folder, name) for name in files.unfinished_names(folder)]
    for where in (layout.member(folder, name) for name in files.names(folder)):
        if not is_locked(where):
            left.extend(_files(where))
            continue
        with suppress(MissingArtifact):  # It was given back a moment ago.
            living.append(_read(where))
    return living, left


def _remove_dead(root: str, category: str) -> None:
    """Delete what killed processes left in a folder. In an object store only pruning does: leases lapse slowly."""
    if files.local(layout.pins(root, category)):
        for url in living_pins(root, category)[1]:
            files.remove(url)


def _read(where: str) -> Pin:
    """A pin; one that cannot be read keeps all of the category."""
    try:
        return parse(Pin, files.get(where), where, "delete it once its process has ended")
    except CorruptArtifact as error:
        return Pin(holder=f"a process whose pin cannot be read ({error.value})")


def _files(where: str) -> tuple[str, str]:
    return where, layout.lock(where)


def _put(where: str, pin: Pin) -> None:
    files.put(where, encode(pin))
