"""Which failures are worth another attempt."""

import errno
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

DELAYS_SECONDS = [2.0, 10.0]
NO_MEMORY = ("out of memory", "can't allocate memory")
"""What torch says, on a GPU and on the processor; what took the memory may be gone by the next attempt."""
LASTING = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
"""A disk that is mounted to be read, a name that is too long, links in a circle: the next attempt meets them again."""


def is_transient(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Whether another attempt may succeed: disks, networks and GPUs fail now and then; a wrong value stays wrong."""
    try:
        state.result()
    except Exception as error:  # noqa: BLE001 - whatever it was, the failed state itself is what Prefect shows
        return _is_transient_error(error)
    else:
        return False


def _is_transient_error(error: Exception) -> bool:
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return False
    if isinstance(error, OSError) and error.errno in LASTING:
        return False
    if isinstance(error, RuntimeError):
        return any(words in str(error) for words in NO_MEMORY)
    return isinstance(error, OSError | MemoryError)
