"""Where a task computes: a place on this machine that nobody else uses, and the models that are loaded there."""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tasks.runtime.fifo_queue import standing

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
POLL_SECONDS = 0.2
_LOADED: dict[Any, Any] = {}
_LOADING = Lock()
"""Two threads that import diffusers or transformers for the first time at once find them half imported."""


class Buildable(Protocol):
    """A config that loads a model."""

    def build(self, device: Any) -> Any:  # noqa: ANN401 - each config builds its own class
        """The model on that device."""
        ...


@contextmanager
def place(device: Device = "auto") -> Generator[str]:
    """A free GPU (`cuda:0`) or CPU core (`cpu:0`) of the machine, and one torch thread for a core.

    Who asks first gets the first that is free, and whoever has to wait says so. The kernel gives a place back on any
    death of its holder. Two busy OpenMP pools on two cores are many times slower than one thread each.
    """
    import torch

    kind = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    count = torch.cuda.device_count() if kind == "cuda" else os.cpu_count() or 1
    if not count:
        raise ValueError("device is cuda and torch sees no GPU; choose cpu or auto")
    with ExitStack() as held:
        number = _entered(kind, count, held)
        torch.set_num_threads(1)
        yield f"{kind}:{number}"


def loaded(config: Buildable, where: str) -> Any:  # noqa: ANN401
    """The model of a config at a place, kept for the next task: places are exclusive, so its state is safe there."""
    key: Any = config, where
    with _LOADING:
        if key not in _LOADED:
            _LOADED[key] = config.build(torch_device(where))
        return _LOADED[key]


def torch_device(where: str) -> "torch.device":
    """The torch device of a place."""
    import torch

    return torch.device("cpu" if where.startswith("cpu") else where)


def _entered(kind: str, count: int, held: ExitStack) -> int:
    """The number of a place that is free, once nobody waits who came earlier."""
    folder = _folder()
    with standing(folder / f"{kind}-line") as is_our_turn:
        polls = 0
        while True:
            if is_our_turn():
                for number in range(count):
                    if _taken(folder / f"{kind}-{number}", held):
                        return number
            # The first time, whoever came at the same moment may just be taking one of several free places.
            if polls == 1:
                logger.warning(_told(folder, kind, count))
            polls += 1
            time.sleep(POLL_SECONDS)


def _taken(place: Path, held: ExitStack) -> bool:
    """Whether it was free and is ours now; the number of our process lies in it, for those who wait."""
    file = place.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return True


def _told(folder: Path, kind: str, count: int) -> str:
    """What is waited for, who has it, and what to do."""
    holders = sorted({process for place in folder.glob(f"{kind}-[0-9]*") if (process := place.read_text())})
    taken = f"all {count} {'cores' if kind == 'cpu' else 'GPUs'} of this machine are taken"
    by = f" by process {' and '.join(holders)}" if holders else ""
    return f"{taken}{by}; waiting until one is free; `farm3d status` shows what runs, `farm3d down` stops it"


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"farm3d-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    return folder
