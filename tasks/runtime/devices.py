"""Devices that one task at a time computes on: the GPUs or CPU cores of this machine, and the models loaded there."""

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

from storage.store.private import make_private_folder, open_private_file
from tasks.runtime.fifo_queue import queued

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
POLL_SECONDS = 0.2
_MODELS: dict[Any, Any] = {}
_LOADING = Lock()
"""Two threads that import diffusers or transformers for the first time at once find them half imported."""


class Buildable(Protocol):
    """A config that loads a model."""

    def build(self, device: Any) -> Any:  # noqa: ANN401 - each config builds its own class
        """The model on that device."""
        ...


@contextmanager
def acquire_device(device: Device = "auto") -> Generator[str]:
    """Hold a free GPU (`cuda:0`) or CPU core (`cpu:0`) of this machine while the block runs.

    Devices go to those who wait in the order in which they asked, and whoever has to wait says so in the log. The
    kernel frees a device on any death of its holder. The process is prepared for computing (`configure_process`).
    """
    import torch

    kind = device_kind(device)
    count = torch.cuda.device_count() if kind == "cuda" else os.cpu_count() or 1
    with ExitStack() as locks:
        number = _wait_for_device(kind, count, locks)
        configure_process()
        yield f"{kind}:{number}"


def device_kind(device: Device) -> Literal["cpu", "cuda"]:
    """What `device` means on this machine. Raises ValueError for a GPU where there is none."""
    import torch

    kind = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda" and not torch.cuda.device_count():
        raise ValueError("device is cuda and torch sees no GPU; choose cpu or auto")
    return kind


def configure_process() -> None:
    """One thread for torch, and log records of models and storage from INFO on.

    Two busy OpenMP pools on two cores are many times slower than one thread each. Prefect sends the records of these
    loggers to its server (`logging.extra_loggers` in pyproject.toml), but leaves their level at WARNING.
    """
    import torch

    torch.set_num_threads(1)
    for package in ("models", "storage"):
        logging.getLogger(package).setLevel(logging.INFO)


def cached_model(config: Buildable, where: str) -> Any:  # noqa: ANN401
    """The model of a config on a device, kept for the next task: devices are exclusive, so its state is safe there."""
    key: Any = config, where
    with _LOADING:
        if key not in _MODELS:
            _MODELS[key] = config.build(torch_device(where))
        return _MODELS[key]


def torch_device(where: str) -> "torch.device":
    """The torch device of an acquired one."""
    import torch

    return torch.device("cpu" if where.startswith("cpu") else where)


def _wait_for_device(kind: str, count: int, locks: ExitStack) -> int:
    """The number of a free device, once nobody waits who came earlier; its lock is entered into `locks`."""
    folder = _lock_folder()
    with queued(folder / f"{kind}-line") as is_our_turn:
        polls = 0
        while True:
            if is_our_turn():
                for number in range(count):
                    if _lock(folder / f"{kind}-{number}", locks):
                        return number
            # Not at the first poll: whoever came at the same moment may just be taking one of several free devices.
            if polls == 1:
                logger.warning(_waiting_message(folder, kind, count))
            polls += 1
            time.sleep(POLL_SECONDS)


def _lock(path: Path, locks: ExitStack) -> bool:
    """Whether the device was free and is ours now; the file then holds our process id, for those who wait."""
    file = os.fdopen(open_private_file(path, os.O_WRONLY), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    locks.enter_context(file)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return True


def _waiting_message(folder: Path, kind: str, count: int) -> str:
    """What is waited for, who has it, and what to do."""
    holders = sorted({process for path in folder.glob(f"{kind}-[0-9]*") if (process := path.read_text())})
    taken = f"all {count} {'cores' if kind == 'cpu' else 'GPUs'} of this machine are taken"
    by = f" by process {' and '.join(holders)}" if holders else ""
    return f"{taken}{by}; waiting until one is free; `farm3d status` shows what runs, `farm3d down` stops it"


def _lock_folder() -> Path:
    """One for each user of the machine. Its name is known to all of them: nobody else may have made it."""
    return make_private_folder(Path(tempfile.gettempdir()) / f"farm3d-{os.getuid()}")
