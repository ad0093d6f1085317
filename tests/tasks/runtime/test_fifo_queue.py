import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from tasks.runtime import fifo_queue
from tasks.runtime.fifo_queue import queued


@pytest.fixture
def other(tmp_path):
    """Another process that is queued and asks for its turn over and over."""
    code = (
        "import sys, time; from pathlib import Path; from tasks.runtime.fifo_queue import queued\n"
        "with queued(Path(sys.argv[1])) as is_our_turn:\n"
        "    print(is_our_turn(), flush=True)\n"
        "    while True: is_our_turn(), time.sleep(0.01)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()


def until(found):
    """Wait for it."""
    deadline = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_turns_come_in_the_order_of_coming(tmp_path):
    served = []
    with ExitStack() as first, ExitStack() as second, ExitStack() as third:
        waiting = {stack: stack.enter_context(queued(tmp_path)) for stack in (first, second, third)}
        while waiting:
            (stack,) = (stack for stack, is_our_turn in waiting.items() if is_our_turn())
            served.append(stack)
            del waiting[stack]
            stack.close()
        assert served == [first, second, third]
    assert list(tmp_path.iterdir()) == []


def test_the_entry_of_a_killed_process_is_removed(other, tmp_path):
    with queued(tmp_path) as is_our_turn:
        assert not is_our_turn()
        other.kill()
        until(is_our_turn)
        assert len(list(tmp_path.iterdir())) == 1


def test_a_suspended_process_is_skipped_until_it_resumes(other, tmp_path, monkeypatch):
    monkeypatch.setattr(fifo_queue, "SUSPENDED_SECONDS", 0.5)
    with queued(tmp_path) as is_our_turn:
        os.kill(other.pid, signal.SIGSTOP)
        until(is_our_turn)
        os.kill(other.pid, signal.SIGCONT)
        until(lambda: not is_our_turn())
