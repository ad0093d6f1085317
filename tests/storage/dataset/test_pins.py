import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from storage.dataset import pins
from storage.dataset.pins import pin_category
from storage.store import files, layout, locks
from storage.store.layout import Store
from storage.store.locks import hold_lock
from tests.storage.deaths import ended, inside


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    """Leases that are seen to lapse, or not to, within a second."""
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)


def kept(root):
    """What is pinned, without the holders."""
    return [pin.snapshot for pin in pins.living_pins(root, "cow")[0]]


def test_all_is_pinned_then_one_and_nothing_is_left_of_it(root) -> None:
    with pin_category(root, "cow") as pin_snapshot:
        assert kept(root) == [None]
        pin_snapshot(Store(root).dataset("cow", 3))
        assert kept(root) == [3]
        assert pins.living_pins(root, "horse") == ([], [])
    assert pins.living_pins(root, "cow") == ([], [])


def test_each_flow_has_a_pin_of_its_own(folder) -> None:
    with pin_category(folder, "cow") as first:
        first(Store(folder).dataset("cow", 2))
        with pin_category(folder, "cow") as second:
            second(Store(folder).dataset("cow", 2))
            assert kept(folder) == [2, 2]
        assert kept(folder) == [2]
        assert f"process {os.getpid()} of" in pins.living_pins(folder, "cow")[0][0].holder


def test_it_ends_with_its_holder_however_that_ends(root) -> None:
    @contextmanager
    def learning() -> Generator[None]:
        with pin_category(root, "cow") as pin_snapshot:
            pin_snapshot(Store(root).dataset("cow", 3))
            yield

    child = inside(learning)
    assert kept(root) == [3]
    os.kill(child, signal.SIGKILL)
    ended(child)
    living, left = pins.living_pins(root, "cow")
    assert living == [] and len(left) == 2
    for url in left:
        files.remove(url)
    assert pins.living_pins(root, "cow") == ([], [])


def test_the_next_flow_takes_away_what_a_killed_one_left(folder) -> None:
    child = inside(lambda: pin_category(folder, "cow"))
    with pin_category(folder, "cow"):
        assert kept(folder) == [None, None]
        os.kill(child, signal.SIGKILL)
        ended(child)
        with pin_category(folder, "cow"):
            assert pins.living_pins(folder, "cow")[1] == [] and kept(folder) == [None, None]
    assert list(Path(layout.pins(folder, "cow")).iterdir()) == []


def test_who_begins_to_pin_waits_until_nobody_prunes(folder) -> None:
    begun = Event()

    def work() -> None:
        with pin_category(folder, "cow"):
            begun.set()

    holder = Thread(target=work)
    with hold_lock(layout.snapshots(folder, "cow")):
        holder.start()
        assert not begun.wait(0.2)
        assert kept(folder) == []
    holder.join()
    assert begun.is_set()


def test_a_pin_that_cannot_be_read_keeps_everything_while_its_holder_lives(folder) -> None:
    with pin_category(folder, "cow") as pin_snapshot:
        pin_snapshot(Store(folder).dataset("cow", 3))
        (name,) = files.names(layout.pins(folder, "cow"))
        files.put(layout.member(layout.pins(folder, "cow"), name), b"{")
        (pin,) = pins.living_pins(folder, "cow")[0]
        assert pin.snapshot is None and "a process whose pin cannot be read" in pin.holder
    assert kept(folder) == []
