import errno
import logging
import os
import signal
import time
from threading import Event, Thread

import pytest
from botocore.exceptions import NoCredentialsError

from storage.store import files, layout, locks
from storage.store.locks import _Lease, hold_lock, is_locked
from tests.storage.deaths import ended, forked, inside

ROUNDS = 8


def test_a_lock_keeps_threads_and_processes_apart(root, tmp_path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(ROUNDS):
            with hold_lock(f"{root}/a.bin"):
                now = int(counter.read_text())
                time.sleep(0.0002)
                counter.write_text(str(now + 1))

    children = [forked(count) for _ in range(2)]
    threads = [Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ended(child) for child in children] == [0, 0]
    assert counter.read_text() == str(4 * ROUNDS)


def test_the_lock_of_a_killed_process_is_free(root, monkeypatch) -> None:
    url = f"{root}/a.bin"
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)
    child = inside(lambda: hold_lock(url))
    os.kill(child, signal.SIGKILL)
    ended(child)
    with hold_lock(url):
        pass


def test_a_lock_file_that_another_user_made_is_locked_though_it_can_only_be_read(tmp_path, monkeypatch) -> None:
    lock = layout.lock(f"{tmp_path}/a.bin")
    files.put(lock, b"")
    opened = os.open

    def as_another_user(path, flags, mode=0o777, **options):
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, mode, **options)

    monkeypatch.setattr(os, "open", as_another_user)
    with hold_lock(f"{tmp_path}/a.bin"):
        assert is_locked(f"{tmp_path}/a.bin")
    with pytest.raises(PermissionError), hold_lock(f"{tmp_path}/b.bin"):
        pass


def test_a_lock_is_seen_to_be_held_by_the_living_only(root, monkeypatch) -> None:
    url = f"{root}/a.bin"
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)
    assert not is_locked(url)
    with hold_lock(url):
        assert is_locked(url)
    assert not is_locked(url)
    child = inside(lambda: hold_lock(url))
    assert is_locked(url)
    os.kill(child, signal.SIGKILL)
    ended(child)
    assert not is_locked(url)


def test_a_lease_does_not_lapse_while_its_holder_lives(s3, monkeypatch) -> None:
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)
    entered, events = Event(), []

    def hold() -> None:
        with hold_lock(f"{s3}/a.bin"):
            entered.set()
            time.sleep(3)
            events.append("first leaves")

    first = Thread(target=hold)
    first.start()
    entered.wait()
    with hold_lock(f"{s3}/a.bin"):
        events.append("second enters")
    first.join()
    assert events == ["first leaves", "second enters"]


def test_a_holder_who_was_stopped_for_too_long_keeps_nothing_and_frees_nothing(s3, monkeypatch, caplog) -> None:
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 0.2)
    lock = layout.lock(f"{s3}/a.bin")
    stopped, next_ = _Lease(lock), _Lease(lock)
    stopped.take()
    next_.take()
    with caplog.at_level(logging.WARNING):
        stopped.keep(Event())
    stopped.give_back()
    assert "another writer has taken it over" in caplog.text
    assert files.tag_and_size(lock) == (next_.tag, 32)
    next_.give_back()
    assert files.size(lock) == 0


def test_a_store_that_is_away_for_a_moment_costs_no_lease(mortal, monkeypatch, caplog) -> None:
    server, root = mortal
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 2.0)
    lock = layout.lock(f"{root}/a.bin")
    with hold_lock(f"{root}/a.bin"):
        server.dies(0)
        while "was not renewed" not in caplog.text:
            time.sleep(0.05)
        server.lives()
        before = files.tag_and_size(lock)
        while files.tag_and_size(lock) == before:
            time.sleep(0.05)
    assert files.size(lock) == 0


def test_no_error_of_a_library_ends_a_lease_or_hides_its_holders_own(mortal, monkeypatch, caplog) -> None:
    _, root = mortal
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)
    put_if, errors = files.put_if, [NoCredentialsError(), NoCredentialsError()]

    def failing(url: str, data: bytes, **condition: str) -> str | None:
        if "IfMatch" in condition and errors:
            raise errors.pop()
        return put_if(url, data, **condition)

    lock = layout.lock(f"{root}/a.bin")
    with pytest.raises(ZeroDivisionError), hold_lock(f"{root}/a.bin"):
        monkeypatch.setattr(files, "put_if", failing)
        before = files.tag_and_size(lock)
        while files.tag_and_size(lock) == before:
            time.sleep(0.05)
        assert caplog.text.count("was not renewed: Unable to locate credentials") == 2
        errors.append(NoCredentialsError())
        monkeypatch.setattr(locks, "LAPSES_SECONDS", 60.0)
        1 / 0  # noqa: B018


def test_a_store_that_ignores_conditions_is_refused(mortal) -> None:
    server, root = mortal
    server.careless()
    with pytest.raises(ValueError, match=r"s3://farm3d-\w+: ignores `If-None-Match: \*`"), hold_lock(f"{root}/a.bin"):
        pass
