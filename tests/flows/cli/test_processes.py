import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from flows.cli.processes import Detached

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def program(tmp_path):
    made = Detached("sleeper", tmp_path)
    yield made
    made.stop()


def wait_for(text, program):
    deadline = time.monotonic() + 10
    while text not in program.tail():
        assert time.monotonic() < deadline, program.tail()
        time.sleep(0.05)


def test_it_is_found_again_and_stopped(program, tmp_path):
    started = program.start(SLEEP, {}, "http://x/api", tmp_path)
    assert Detached("sleeper", tmp_path).running() == started
    assert program.stop()
    assert not psutil.pid_exists(started.pid) or psutil.Process(started.pid).status() == psutil.STATUS_ZOMBIE
    assert program.running() is None
    assert not program.stop()


def test_it_outlives_the_group_of_its_parent(program, tmp_path):
    started = program.start(SLEEP, {}, "http://x/api", tmp_path)
    assert os.getpgid(started.pid) != os.getpgid(0)
    assert os.getsid(started.pid) == started.pid


def test_sigint_reaches_it_even_if_the_parent_ignores_it(program, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        started = program.start(SLEEP, {}, "http://x/api", tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for("up", program)
    os.kill(started.pid, signal.SIGINT)
    psutil.Process(started.pid).wait(10)
    assert "KeyboardInterrupt" in program.tail()


def test_another_process_with_the_same_id_is_not_ours(program, tmp_path):
    record = tmp_path / "sleeper.json"
    record.write_text(f'{{"pid": {os.getpid()}, "created": 1.0, "url": "http://x/api"}}')
    assert program.running() is None
    assert not program.stop()


@pytest.mark.parametrize("record", ["", "{}", "not json"])
def test_a_torn_record_counts_as_not_running(program, tmp_path, record):
    (tmp_path / "sleeper.json").write_text(record)
    assert program.running() is None


def test_one_that_does_not_listen_is_killed(program, tmp_path, monkeypatch):
    monkeypatch.setattr("flows.cli.processes.STOP_SECONDS", 1)
    started = program.start(STUBBORN, {}, "http://x/api", tmp_path)
    wait_for("up", program)
    assert program.stop()
    assert program.running() is None and started.pid not in [
        each.pid for each in psutil.process_iter() if each.status() != psutil.STATUS_ZOMBIE
    ]


def test_one_whose_starter_still_runs_is_over_when_it_ended(program, tmp_path, monkeypatch):
    """As `farm3d down` beside a `farm3d run` that started the worker and has not asked how it ended."""
    monkeypatch.setattr("flows.cli.processes.STOP_SECONDS", 5)
    code = (
        "import sys, time; from pathlib import Path; from flows.cli.processes import Detached; f = Path(sys.argv[1]); "
    )
    code += f"f = Path(sys.argv[1]); Detached('sleeper', f).start({SLEEP!r}, {{}}, 'http://x/api', f); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as starter:
        wait_for("up", program)
        record = program.running()
        assert program.stop() and program.running() is None
        assert psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE
        starter.kill()


def test_its_environment_and_output(program, tmp_path):
    program.start(
        [sys.executable, "-c", "import os; print(os.environ['COLOUR'])"], {"COLOUR": "red"}, "http://x", tmp_path
    )
    wait_for("red", program)
