"""What a flow must not lose to pruning before it is written down elsewhere that it is needed.

A hold is a small file with a lock of its own: it counts while the process that took it lives, and no longer.
"""

import os
import platform
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from uuid import uuid4

from pydantic import Field

from storage.store import files, layout
from storage.store.errors import MissingArtifact
from storage.store.locks import held, locked
from storage.store.references import DatasetRef, Record


class Hold(Record):
    """What stays, and for whom."""

    holder: str
    snapshot: int | None = Field(default=None, ge=1, description="none: all of the category")


@contextmanager
def holding(root: str, category: str) -> Generator[Callable[[DatasetRef], None]]:
    """Hold all snapshots of a category while the block runs; gives what lets go of all but one."""
    where, pruning = layout.hold(root, category, uuid4().hex), layout.snapshots(root, category)
    holder = f"process {os.getpid()} of {platform.node()}"

    def only(crops: DatasetRef) -> None:
        with locked(pruning):
            _put(where, Hold(holder=holder, snapshot=crops.snapshot))

    try:
        with ExitStack() as locks:
            # What is being pruned is gone before it can be held, and who prunes sees no hold that is not locked yet.
            with locked(pruning):
                _put(where, Hold(holder=holder))
                locks.enter_context(locked(where))
            yield only
    finally:
        for each in _files(where):
            files.remove(each)


def found(root: str, category: str) -> tuple[list[Hold], list[str]]:
    """The holds of a category that count, and the files that killed holders left."""
    living: list[Hold] = []
    folder = layout.holds(root, category)
    left = [layout.member(folder, name) for name in files.unfinished(folder)]
    for where in (layout.member(folder, name) for name in files.names(folder)):
        if not held(where):
            left.extend(_files(where))
            continue
        with suppress(MissingArtifact):  # It was given back a moment ago.
            living.append(Hold.model_validate_json(files.get(where)))
    return living, left


def _files(where: str) -> tuple[str, str]:
    return where, layout.lock(where)


def _put(where: str, hold: Hold) -> None:
    files.put(where, hold.model_dump_json().encode())
