import fcntl
import os
import resource
import signal
import time
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest

from storage import files
from storage.errors import CorruptArtifact, MissingArtifact, StorageFull
from tests.storage.deaths import ended, forked, killed_at

OLD, NEW = b"old" * 5000, b"new" * 7000


def test_what_is_put_is_what_is_got(root) -> None:
    url = f"{root}/a/b.bin"
    assert files.size(url) is None
    assert files.names(f"{root}/a") == []
    files.put(url, OLD)
    files.put(url, memoryview(NEW))
    assert files.get(url) == NEW
    assert files.size(url) == len(NEW)
    assert files.names(root) == ["a"]
    assert files.names(f"{root}/a") == ["b.bin"]
    assert files.size(f"{root}/a") is None


def test_a_file_moves_and_goes(root) -> None:
    files.put(f"{root}/a/b.bin", OLD)
    files.move(f"{root}/a/b.bin", f"{root}/c/d.bin")
    files.move(f"{root}/a/b.bin", f"{root}/c/e.bin")
    assert files.names(f"{root}/c") == ["d.bin"]
    assert files.get(f"{root}/c/d.bin") == OLD
    files.remove(f"{root}/c/d.bin")
    files.remove(f"{root}/c/d.bin")
    with pytest.raises(MissingArtifact, match=r"d\.bin: does not exist; run"):
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


def test_a_lock_keeps_threads_and_processes_apart(root, tmp_path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def count() -> None:
        for _ in range(20):
            with files.locked(f"{root}/a.bin"):
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
    assert counter.read_text() == "80"


def test_the_lock_of_a_killed_process_is_free(folder) -> None:
    url = f"{folder}/a.bin"
    ready, tell = os.pipe()

    def hold() -> None:
        with files.locked(url):
            os.write(tell, b"!")
            time.sleep(60)

    child = forked(hold)
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    ended(child)
    with files.locked(url):
        pass


def test_a_remote_file_is_copied_once_and_only_if_it_is_the_right_one(root) -> None:
    url = f"{root}/a.bin"
    files.put(url, OLD)
    copy = files.local(url, sha256(OLD).hexdigest())
    assert copy.read_bytes() == OLD
    if root.startswith("memory"):
        assert copy == files.local(url, sha256(OLD).hexdigest())
        copy.write_bytes(b"torn")
        assert files.local(url, sha256(OLD).hexdigest()).read_bytes() == OLD
        with pytest.raises(CorruptArtifact, match=r"a\.bin: has other contents"):
            files.local(url, sha256(NEW).hexdigest())


def test_what_a_killed_writer_left_is_unfinished_and_what_another_writes_is_not(folder) -> None:
    files.put(f"{folder}/a.bin", OLD)
    assert files.unfinished(folder) == [] == files.unfinished(f"{folder}/nowhere")
    assert killed_at(2, lambda: files.put(f"{folder}/a.bin", NEW))
    assert files.unfinished(folder) == [".a.bin.part"]
    with open(f"{folder}/.a.bin.part", "rb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        assert files.unfinished(folder) == []
    files.put(f"{folder}/a.bin", NEW)
    assert files.unfinished(folder) == []
