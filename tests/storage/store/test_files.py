import fcntl
import os
import resource
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from storage.store import files, layout
from storage.store.errors import MissingArtifact, StorageFull
from storage.store.locks import hold_lock
from tests.storage.deaths import ended, forked, killed_at

OLD, NEW = b"old" * 5000, b"new" * 7000


def test_what_is_put_is_what_is_got(root) -> None:
    url = f"{root}/a/b.bin"
    assert files.size(url) is None and not files.holds(url, b"")
    assert files.names(f"{root}/a") == []
    files.put(url, OLD)
    files.put(url, memoryview(NEW))
    assert files.get(url) == NEW and files.holds(url, NEW) and not files.holds(url, OLD)
    assert files.size(url) == len(NEW)
    assert files.names(root) == ["a"]
    assert files.names(f"{root}/a") == ["b.bin"]
    assert files.size(f"{root}/a") is None
    assert abs((datetime.now(UTC) - files.put_at(url)).total_seconds()) < 60


@pytest.mark.parametrize("name", ["a::b.bin", "file:a.bin", "p::q::r", "memory:a", "k\udcfchl.bin", "~/a.bin"])
def test_no_letter_of_a_path_makes_an_address_of_it(folder, name) -> None:
    files.put(f"{folder}/{name}", NEW)
    assert files.get(f"{folder}/{name}") == NEW == Path(f"{folder}/{name}").read_bytes()
    assert files.names(str(Path(f"{folder}/{name}").parent)) == [Path(name).name]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_who_else_may_read_and_write_a_file_is_said_by_the_umask(folder, umask, mode) -> None:
    before = os.umask(umask)
    try:
        files.put(f"{folder}/a.bin", NEW)
        with hold_lock(f"{folder}/a.bin"):
            pass
    finally:
        os.umask(before)
    for file in (Path(f"{folder}/a.bin"), Path(layout.lock(f"{folder}/a.bin"))):
        assert file.stat().st_mode & 0o777 == mode


def test_a_file_moves_and_goes(root) -> None:
    files.put(f"{root}/a/b.bin", OLD)
    files.move(f"{root}/a/b.bin", f"{root}/c/d.bin")
    files.move(f"{root}/a/b.bin", f"{root}/c/e.bin")
    assert files.names(f"{root}/c") == ["d.bin"]
    assert files.get(f"{root}/c/d.bin") == OLD
    files.remove(f"{root}/c/d.bin")
    files.remove(f"{root}/c/d.bin")
    with pytest.raises(MissingArtifact, match=r"d\.bin: does not exist; type"):
        files.get(f"{root}/c/d.bin")


def test_a_writer_killed_anywhere_leaves_the_old_file_or_the_new_one(folder) -> None:
    url, step, seen = f"{folder}/a.bin", 0, set()
    files.put(url, OLD)
    while killed_at(step, lambda: files.put(url, NEW)):
        seen.add(files.get(url))
        files.put(url, OLD)
        assert os.listdir(folder) == ["a.bin"]
        step += 1
    assert files.get(url) == NEW
    assert seen == {OLD, NEW}
    assert step > 8


def test_a_full_disk_leaves_the_old_file_and_says_how_much_was_needed(folder) -> None:
    url = f"{folder}/a.bin"
    files.put(url, OLD)

    def cramped() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16000, resource.RLIM_INFINITY))
        with pytest.raises(StorageFull, match=r"a\.bin: there is no room for 21000 bytes; free some space"):
            files.put(url, NEW)

    assert ended(forked(cramped)) == 0
    assert files.get(url) == OLD
    assert os.listdir(folder) == ["a.bin"]


def test_a_draft_is_seen_once_it_is_put_and_gone_if_it_is_not(root) -> None:
    url = f"{root}/a.bin"

    def failing() -> Iterator[bytes]:
        yield NEW
        raise RuntimeError("no more")

    with files.draft(url, iter([OLD, b"", NEW])) as put:
        assert files.names(root) == []
        put()
        assert files.get(url) == OLD + NEW
    with files.draft(url, [NEW]):
        pass
    with pytest.raises(RuntimeError, match="no more"), files.draft(url, failing()):
        pytest.fail("it is not whole")
    assert files.get(url) == OLD + NEW
    assert (files.names(root), files.unfinished_names(root)) == (["a.bin"], [])


def test_other_errors_of_the_disk_keep_their_name(folder) -> None:
    Path(folder).write_text("a file where a folder should be")
    with pytest.raises(FileExistsError):
        files.put(f"{folder}/a.bin", OLD)


def test_many_writers_of_one_name_leave_one_whole_file(folder) -> None:
    url = f"{folder}/a.bin"
    choices = [bytes([letter]) * 50_000 for letter in b"abcdef"]
    children = [forked(lambda data=data: [files.put(url, data) for _ in range(5)]) for data in choices]
    assert [ended(child) for child in children] == [0] * 6
    assert files.get(url) in choices
    assert os.listdir(folder) == ["a.bin"]


def test_one_of_many_writers_creates_a_name_and_all_of_it(root) -> None:
    url, choices = f"{root}/a.bin", [bytes([letter]) * 20_000 for letter in b"abcdef"]
    children = [forked(lambda data=data: os._exit(not files.create(url, data))) for data in choices]
    won = [data for data, child in zip(choices, children, strict=True) if ended(child) == 0]
    assert [files.get(url)] == won
    assert files.create(url, won[0])
    assert not files.create(url, b"another")
    assert files.names(root) == ["a.bin"]


def test_a_name_is_created_whole_or_not_wherever_its_writer_is_killed(folder) -> None:
    url, step, seen = f"{folder}/a.bin", 0, set()
    while killed_at(step, lambda: files.create(url, NEW)):
        seen.add(files.size(url))
        files.remove(url)
        step += 1
    assert files.get(url) == NEW
    assert seen == {None, len(NEW)}
    files.put(url, OLD)
    assert os.listdir(folder) == ["a.bin"]


@pytest.mark.parametrize(("when", "there"), [("half", False), ("after", True)])
def test_a_lost_store_is_a_lost_connection_that_says_where_and_it_holds_all_or_nothing(mortal, when, there) -> None:
    server, root = mortal
    files.put(f"{root}/b.bin", OLD)
    server.dies(0, when)
    with pytest.raises(ConnectionError, match=r"a\.bin: the store cannot be reached \(.+\); run again"):
        files.put(f"{root}/a.bin", NEW)
    assert not server.lives()
    assert files.names(root) == (["a.bin", "b.bin"] if there else ["b.bin"])
    assert files.get(f"{root}/b.bin") == OLD


@pytest.mark.parametrize("when", ["half", "after"])
def test_a_name_is_created_although_the_store_dies_and_its_answer_is_lost(mortal, when, monkeypatch) -> None:
    server, root = mortal
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    S3FileSystem.clear_instance_cache()
    server.dies(0, when, times=2)
    assert files.create(f"{root}/a.bin", NEW)
    assert not server.lives()
    assert files.get(f"{root}/a.bin") == NEW


def test_what_a_killed_writer_left_is_unfinished_and_what_another_writes_is_not(folder) -> None:
    files.put(f"{folder}/a.bin", OLD)
    assert files.unfinished_names(folder) == [] == files.unfinished_names(f"{folder}/nowhere")
    assert killed_at(2, lambda: files.put(f"{folder}/a.bin", NEW))
    assert files.unfinished_names(folder) == [".a.bin.part"]
    with open(f"{folder}/.a.bin.part", "rb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        assert files.unfinished_names(folder) == []
    files.put(f"{folder}/a.bin", NEW)
    assert files.unfinished_names(folder) == []
