"""Devices that one task at a time computes on: the GPUs or CPU cores of this machine, and the models loaded there."""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

from storage.store.private import make_private_folder, open_private_file
from tasks.runtime.fifo_queue import queued

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
POLL_SECONDS = 0.2
_MODELS: dict[Any, Any] = {}
_LOADING = RLock()
"""Two threads that import diffusers or transformers for the first time at once find them half imported. While diffusers
loads weights in bfloat16, whatever another thread builds is in bfloat16, too: torch has one default for all threads."""


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
    with acquire_devices(device, 1) as (where,):
        yield where


@contextmanager
def acquire_devices(device: Device, count: int) -> Generator[tuple[str, ...]]:
    """Hold so many at once, all or none, as `acquire_device` holds one.

    Raises ValueError where this machine has fewer.
    """
    check_count(device, count)
    slots = _slots(device_kind(device))
    with ExitStack() as locks:
        names = _wait_for_devices(tuple(slots), count, locks)
        configure_process()
        yield tuple(slots[name] for name in names)


def check_count(device: Device, count: int) -> None:
    """Raises ValueError where this machine has fewer devices of that kind."""
    kind = device_kind(device)
    if count > (there := len(_slots(kind))):
        raise ValueError(f"processes is {count} and this machine has {_counted(there, kind)}; give at most {there}")


def device_kind(device: Device) -> Literal["cpu", "cuda"]:
    """What `device` means on this machine. Raises ValueError for another word, or a GPU where there is none."""
    import torch

    kind = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"device is {device!r}; choose auto, cpu or cuda")
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


@contextmanager
def load_alone() -> Generator[None]:
    """Nothing else of this process builds or loads networks while the block runs."""
    with _LOADING:
        yield


def cached_model(config: Buildable, where: str) -> Any:  # noqa: ANN401
    """The model of a config on a device, kept for the next task: devices are exclusive, so its state is safe there."""
    key: Any = config, where
    with load_alone():
        if key not in _MODELS:
            _MODELS[key] = config.build(torch_device(where))
        return _MODELS[key]


def torch_device(where: str) -> "torch.device":
    """The torch device of an acquired one."""
    import torch

    return torch.device("cpu" if where.startswith("cpu") else where)


def _slots(kind: str) -> dict[str, str]:
    """The devices of this machine by the names of their locks.

    A GPU is known by its UUID: its number depends on which GPUs a process is shown (CUDA_VISIBLE_DEVICES).
    """
    import torch

    if kind == "cpu":
        return {f"cpu-{number}": f"cpu:{number}" for number in range(os.cpu_count() or 1)}
    properties = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return {f"cuda-{each.uuid}": f"cuda:{number}" for number, each in enumerate(properties)}


def _wait_for_devices(slots: Sequence[str], count: int, locks: ExitStack) -> list[str]:
    """So many free devices, once nobody waits who came earlier; their locks are entered into `locks`."""
    folder = _lock_folder()
    with queued(folder / _line(slots)) as is_our_turn:
        polls = 0
        while True:
            if is_our_turn() and (taken := _lock_free(folder, slots, count, locks)):
                return taken
            # Not at the first poll: whoever came at the same moment may just be taking one of several free devices.
            if polls == 1:
                logger.warning(_waiting_message(folder, slots, count))
            polls += 1
            time.sleep(POLL_SECONDS)


def _line(slots: Sequence[str]) -> str:
    """The queue for these devices: who is shown other GPUs does not wait for those of these."""
    kind = slots[0].partition("-")[0]
    return (
        f"{kind}-line" if kind == "cpu" else f"{kind}-line-{sha256(' '.join(sorted(slots)).encode()).hexdigest()[:8]}"
    )


def _lock_free(folder: Path, slots: Sequence[str], count: int, locks: ExitStack) -> list[str]:
    """So many devices that were free and are ours now, by their ids in the files for those who wait; else none.

    None is kept meanwhile: two that hold what the other waits for would wait for ever.
    """
    with ExitStack() as attempt:
        files: dict[str, TextIO] = {}
        for name in slots:
            if len(files) < count and (file := _lock(folder / name, attempt)):
                files[name] = file
        if len(files) < count:
            return []
        for file in files.values():
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        locks.enter_context(attempt.pop_all())
        return list(files)


def _lock(path: Path, locks: ExitStack) -> TextIO | None:
    """The file of a device that was free and is ours until `locks` closes; None where it was not."""
    file = os.fdopen(open_private_file(path, os.O_WRONLY), "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return locks.enter_context(file)


def _waiting_message(folder: Path, slots: Sequence[str], count: int) -> str:
    """What is waited for, who has it, and what to do."""
    paths = (folder / name for name in slots)
    holders = sorted({process for path in paths if path.exists() and (process := path.read_text())})
    devices = _counted(len(slots), slots[0].partition("-")[0])
    taken = f"all {devices}" if count == 1 else f"too many of the {devices}"
    by = f" by process {' and '.join(holders)}" if holders else ""
    until = "one is" if count == 1 else f"{count} are"
    return (
        f"{taken} of this machine are taken{by}; waiting until {until} free; `farm3d status` shows what runs, "
        "`farm3d down` stops it"
    )


def _counted(count: int, kind: str) -> str:
    return f"{count} {'core' if kind == 'cpu' else 'GPU'}{'' if count == 1 else 's'}"


def _lock_folder() -> Path:
    """One for each user of the machine. Its name is known to all of them: nobody else may have made it."""
    return make_private_folder(Path(tempfile.gettempdir()) / f"farm3d-{os.getuid()}")
