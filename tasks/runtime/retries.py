"""Which failures pass by themselves."""

from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

DELAYS_SECONDS = [2.0, 10.0]


def passing(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Whether another attempt may succeed: disks, networks and GPUs have bad moments; wrong values do not pass."""
    try:
        state.result()
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return False
    except OSError:
        return True
    except RuntimeError as error:
        return "out of memory" in str(error)
    except Exception:  # noqa: BLE001 - every other failure is somebody's to mend
        return False
    return False
