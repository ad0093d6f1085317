import errno

import pytest
from prefect.states import Failed

from storage.store.errors import StorageFull
from tasks.runtime.retries import is_transient


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(5, "Input/output error"), True),
        (ConnectionResetError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (MemoryError(), True),
        (RuntimeError("shapes differ"), False),
        (FileNotFoundError(), False),
        (OSError(errno.EROFS, "Read-only file system"), False),
        (OSError(errno.ENAMETOOLONG, "File name too long"), False),
        (StorageFull("here", "no room", "make some"), False),
        (ValueError("wrong"), False),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(error, again):
    class State:
        def result(self):
            raise error

    assert is_transient(None, None, State()) is again


def test_a_state_of_prefect():
    assert is_transient(None, None, Failed(message="x")) is False
