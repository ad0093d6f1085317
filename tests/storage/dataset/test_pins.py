import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from storage.dataset import pins
from storage.dataset.pins import holding
from storage.store import files, layout, locks
from storage.store.layout import Store
from storage.store.locks import locked
from tests.storage.deaths import ended, inside


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    """Leases that are seen to lapse, or not to, within a second."""
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)


def kept(root):
    """What is held, without the holders."""
    return [each.snapshot for each in pins.found(root, "cow")[0]]


def test_all_is_held_then_one_and_nothing_is_left_of_it(root) -> None:
    with holding(root, "cow") as only:
        assert kept(root) == [None]
        only(Store(root).dataset("cow", 3))
        assert kept(root) == [3]
        assert pins.found(root, "horse") == ([], [])
    assert pins.found(root, "cow") == ([], [])


def test_each_holder_has_a_hold_of_its_own(folder) -> None:
    with holding(folder, "cow") as first:
        first(Store(folder).dataset("cow", 2))
        with holding(folder, "cow") as second:
            second(Store(folder).dataset("cow", 2))
            assert kept(folder) == [2, 2]
        assert kept(folder) == [2]
        assert f"process {os.getpid()} of" in pins.found(folder, "cow")[0][0].holder


def test_it_ends_with_its_holder_however_that_ends(root) -> None:
    @contextmanager
    def learning() -> Generator[None]:
        with holding(root, "cow") as only:
            only(Store(root).dataset("cow", 3))
            yield

    child = inside(learning)
    assert kept(root) == [3]
    os.kill(child, signal.SIGKILL)
    ended(child)
    living, left = pins.found(root, "cow")
    assert living == [] and len(left) == 2
    for each in left:
        files.remove(each)
    assert pins.found(root, "cow") == ([], [])


def test_who_begins_to_hold_waits_until_nobody_prunes(folder) -> None:
    begun = Event()

    def work() -> None:
        with holding(folder, "cow"):
            begun.set()

    holder = Thread(target=work)
    with locked(layout.snapshots(folder, "cow")):
        holder.start()
        assert not begun.wait(0.2)
        assert kept(folder) == []
    holder.join()
    assert begun.is_set()
