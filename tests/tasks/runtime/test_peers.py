"""What a process that trains beside the task's own may do to it: nothing but fail, and say why."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from functools import partial
from multiprocessing import Pipe, active_children
from types import SimpleNamespace

import pytest
import torch

from models.engine.process_group import average_values, process_count
from tasks.runtime import peers
from tasks.runtime.peers import train_together


def work(unlucky: str, where: str) -> None:
    """Fails on one device, and waits for the others on every other one."""
    if where == unlucky:
        raise ValueError(f"no luck on {where}")
    average_values({"waited": 1.0})


def rest(file: str, where: str) -> None:
    """Writes down who it is, and sleeps."""
    with open(file, "w") as out:
        out.write(str(os.getpid()))
    time.sleep(600)


def wait_for(condition, seconds=200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_on_one_device_there_is_no_other_process() -> None:
    with train_together(pytest.fail, ["cpu:0"]):
        assert process_count() == 1 and not torch.distributed.is_initialized()


def test_the_words_of_the_process_that_failed_are_what_is_raised() -> None:
    words = "process 2 of 2, on cpu:1, failed: ValueError: no luck on cpu:1"
    with pytest.raises(RuntimeError, match=words), train_together(partial(work, "cpu:1"), ["cpu:0", "cpu:1"]):
        assert process_count() == 2
        average_values({"waited": 1.0})
    assert process_count() == 1 and not active_children()


def peer(exitcode: int | None = None):
    ours, theirs = Pipe()
    process = SimpleNamespace(join=lambda: None, exitcode=exitcode)
    return peers._Peer("process 2 of 2", process, ours), theirs


def test_a_process_that_was_killed_leaves_its_exit_code() -> None:
    one, theirs = peer(-9)
    theirs.close()
    with pytest.raises(RuntimeError, match="process 2 of 2 failed: it ended with exit code -9"):
        one.wait_until_ready()
    assert one.read() == (0, "process 2 of 2 failed: it ended with exit code -9"), "before those who miss it"


def test_who_failed_first_is_told_and_not_who_missed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (missing, theirs), (failing, others) = peer(), peer()
    for connection, failure in ((theirs, (2.0, "connection closed")), (others, (1.0, "out of memory"))):
        connection.send(peers.READY)
        connection.send(failure)
    monkeypatch.setattr(peers, "_start", lambda work, places, rank, meeting: nullcontext((missing, failing)[rank - 1]))
    monkeypatch.setattr(peers, "process_group", lambda *_: nullcontext())
    with pytest.raises(RuntimeError, match="out of memory"), train_together(pytest.fail, ["cpu:0", "cpu:1", "cpu:2"]):
        raise RuntimeError("connection closed")


def test_what_breaks_in_the_first_process_itself_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, theirs = peer()
    theirs.send(peers.READY)
    monkeypatch.setattr(peers, "LAST_WORDS_SECONDS", 0.01)
    monkeypatch.setattr(peers, "_start", lambda *_: nullcontext(ready))
    monkeypatch.setattr(peers, "process_group", lambda *_: nullcontext())
    with pytest.raises(RuntimeError, match="out of memory"), train_together(pytest.fail, ["cpu:0", "cpu:1"]):
        raise RuntimeError("out of memory")


@pytest.mark.slow
def test_the_others_ignore_signals_and_end_with_the_first_even_where_it_is_killed(tmp_path) -> None:
    file = tmp_path / "pid"
    code = (
        "from functools import partial; from tests.tasks.runtime.test_peers import rest; import time\n"
        "from tasks.runtime.peers import train_together\n"
        "if __name__ == '__main__':\n"
        f"    with train_together(partial(rest, {str(file)!r}), ['cpu:0', 'cpu:1']): time.sleep(600)"
    )
    (tmp_path / "first.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first = subprocess.Popen([sys.executable, str(tmp_path / "first.py")], env=environment)
    wait_for(lambda: file.exists() and file.read_text())
    other = int(file.read_text())
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(other, number)
    time.sleep(0.2)
    os.kill(other, 0)
    first.kill()
    first.wait()

    def gone() -> bool:
        try:
            os.kill(other, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(gone)
