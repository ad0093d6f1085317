"""Where a task computes: a place on this machine that nobody else uses, and the models that are loaded there."""

import fcntl
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import torch

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

    The kernel gives it back on any death of its holder. Two busy OpenMP pools on two cores are many times slower than
    one thread each.
    """
    import torch

    kind = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    count = torch.cuda.device_count() if kind == "cuda" else os.cpu_count() or 1
    if not count:
        raise ValueError("device is cuda and torch sees no GPU; choose cpu or auto")
    with ExitStack() as held:
        while (found := next((n for n in range(count) if _locked(f"{kind}-{n}", held)), None)) is None:
            time.sleep(POLL_SECONDS)
        torch.set_num_threads(1)
        yield f"{kind}:{found}"


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


def _locked(name: str, held: ExitStack) -> bool:
    folder = Path(tempfile.gettempdir()) / f"farm3d-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    file = (folder / name).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True
