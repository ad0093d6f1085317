"""The processes that train beside the one of a task: each on a device of its own, all in one process group.

The task's own process is the first of them, so it reports to Prefect, keeps checkpoints and is told of signals as
always. The others ignore signals and keep nothing: they end with it, however it ends.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

from models.engine.process_group import process_group
from tasks.runtime.devices import torch_device

Work = Callable[[str], None]
"""What another process does on its device; a function of a module, or a `partial` of one, so that it can be sent."""

READY = (0.0, "")
LAST_WORDS_SECONDS = 5.0
"""How long one waits for a process that broke the connection to say why; those that did not say nothing."""


@contextmanager
def train_together(work: Work, places: Sequence[str]) -> Generator[None]:
    """The block trains on the first of these devices, and `work` in a process of its own on each of the others.

    With one device there is no other process and no group. Raises RuntimeError with the words of a process that failed.
    """
    if len(places) == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="farm3d-processes-") as folder, ExitStack() as living:
        meeting = Path(folder) / "meeting"
        peers = [living.enter_context(_start(work, places, rank, meeting)) for rank in range(1, len(places))]
        try:
            for peer in peers:
                peer.wait_until_ready()
            with process_group(0, len(places), meeting, torch_device(places[0])):
                yield
        except RuntimeError as error:
            # What breaks here is the connection to a process that failed, and with it those between the others.
            telling = wait([peer.connection for peer in peers], LAST_WORDS_SECONDS)
            if failures := sorted(peer.read() for peer in peers if peer.connection in telling):
                raise RuntimeError(failures[0][1]) from error
            raise


@dataclass(frozen=True)
class _Peer:
    name: str
    process: BaseProcess
    connection: Connection
    """Says `READY`, and later when and why the process failed if it does."""

    def wait_until_ready(self) -> None:
        """Raises RuntimeError if it ends before it can begin."""
        said = self.read()
        if said != READY:
            raise RuntimeError(said[1])

    def read(self) -> tuple[float, str]:
        """What it says next: `READY`, or when and why it failed."""
        try:
            moment, words = self.connection.recv()
        except EOFError:
            self.process.join()
            moment, words = 0.0, f"it ended with exit code {self.process.exitcode}"
        return (moment, f"{self.name} failed: {words}") if words else READY


@contextmanager
def _start(work: Work, places: Sequence[str], rank: int, meeting: Path) -> Generator[_Peer]:
    """A process that lives no longer than the block."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_train, args=(work, tuple(places), rank, meeting, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _Peer(f"process {rank + 1} of {len(places)}, on {places[rank]},", process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def _train(work: Work, places: Sequence[str], rank: int, meeting: Path, told: Connection) -> None:
    """What the other process does."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    Thread(target=end_with_parent, daemon=True).start()
    told.send(READY)
    with process_group(rank, len(places), meeting, torch_device(places[rank])):
        try:
            work(places[rank])
        except Exception as error:
            # Before the group ends, so that who sees the connection break can read why.
            told.send((time.monotonic(), f"{type(error).__name__}: {error}"))
            raise


def end_with_parent() -> None:
    """End this process when its parent does, also where that was killed and could not say so."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
