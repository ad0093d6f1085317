import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from storage.store.errors import NotPrivate
from tasks.runtime import devices as machine
from tasks.runtime.devices import acquire_device, acquire_devices, cached_model, check_count, torch_device
from tests.tasks.runtime.test_fifo_queue import until


@pytest.fixture(autouse=True)
def _own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(machine, "POLL_SECONDS", 0.01)


def test_a_core_is_used_by_one_at_a_time():
    with acquire_device("cpu") as first, acquire_device("cpu") as second:
        assert {first, second} == {"cpu:0", "cpu:1"}
        third = []
        waiting = threading.Thread(target=lambda: third.append(entered()))
        waiting.start()
        time.sleep(0.1)
        assert not third
    waiting.join(5)
    assert third


def entered():
    with acquire_device("cpu") as where:
        return where


def waiting(work):
    """A thread that does it, once it is queued behind those who came before."""
    before = len(queued())
    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: len(queued()) > before)
    return thread


def queued():
    line = machine._lock_folder() / "cpu-line"
    return list(line.glob("[0-9]*")) if line.exists() else []


def test_nobody_is_overtaken(monkeypatch):
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 1)
    served = []

    def short_tasks():
        for number in range(20):
            with acquire_device("cpu"):
                served.append(number)

    def one_photo():
        with acquire_device("cpu"):
            served.append("photo")

    with acquire_device("cpu"):
        flow = waiting(short_tasks)
        photo = waiting(one_photo)
        other = waiting(one_photo)
    for thread in (flow, photo, other):
        thread.join(30)
    assert served == [0, "photo", "photo", *range(1, 20)]


def test_whoever_waits_says_who_has_the_cores_and_what_to_do(caplog):
    with acquire_device("cpu"), acquire_device("cpu"):
        thread = waiting(entered)
        until(lambda: caplog.messages)
    thread.join(30)
    (said,) = caplog.messages
    assert said.startswith(f"all 2 cores of this machine are taken by process {os.getpid()}; waiting until one is free")
    assert "`farm3d status` shows what runs" in said


def test_whoever_finds_a_free_core_says_nothing(caplog):
    with acquire_device("cpu"), acquire_device("cpu"):
        pass
    assert caplog.messages == []


def test_several_devices_are_held_at_once_or_none_is_kept(caplog):
    with acquire_device("cpu") as one:
        both = []
        thread = waiting(lambda: both.append(both_cores()))
        until(lambda: caplog.messages)
        free = ({"cpu-0", "cpu-1"} - {one.replace(":", "-")}).pop()
        until(lambda: is_free(free))
        assert not both
    thread.join(30)
    assert both == [("cpu:0", "cpu:1")]
    (said,) = caplog.messages
    assert said.startswith(
        f"too many of the 2 cores of this machine are taken by process {os.getpid()}; waiting until 2"
    )


def both_cores():
    with acquire_devices("cpu", 2) as places:
        assert not is_free("cpu-0") and not is_free("cpu-1")
        return places


def is_free(name):
    with machine.ExitStack() as locks:
        return machine._lock(machine._lock_folder() / name, locks) is not None


def test_more_processes_than_devices_are_refused():
    said = "processes is 3 and this machine has 2 cores; give at most 2"
    with pytest.raises(ValueError, match=said), acquire_devices("cpu", 3):
        pass
    check_count("cpu", 2)


@pytest.fixture
def show(monkeypatch):
    """Shows this process GPUs, in the order of their UUIDs, as CUDA_VISIBLE_DEVICES does."""

    def shown(*uuids):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(uuids))
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=uuids[number]))

    return shown


def test_a_gpu_is_known_by_its_uuid_whatever_its_number(show):
    show("a", "b")
    with acquire_device() as first:
        assert first == "cuda:0"
        show("b", "a")
        with acquire_device() as second:
            assert second == "cuda:0", "the GPU b, which is free"
            assert not is_free("cuda-a") and not is_free("cuda-b")
    show("c")
    with acquire_devices("cuda", 1) as places:
        assert places == ("cuda:0",) and is_free("cuda-a") and not is_free("cuda-c")


def test_who_is_shown_other_gpus_does_not_wait_in_the_same_line(show):
    show("a")
    with acquire_device():
        thread = threading.Thread(target=entered_gpu)
        thread.start()
        until(lambda: list(machine._lock_folder().glob("cuda-line-*/[0-9]*")))
        show("b")
        assert entered_gpu() == "cuda:0"
    thread.join(30)


def entered_gpu():
    with acquire_device("cuda") as where:
        return where


def test_a_killed_holder_frees_its_core(tmp_path):
    code = (
        "import tempfile, time; from tasks.runtime import devices as machine; tempfile.tempdir = None\n"
        f"machine.tempfile.gettempdir = lambda: {str(tmp_path)!r}; machine.os.cpu_count = lambda: 1\n"
        "with machine.acquire_device('cpu'): print('in', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "in\n"
    with acquire_device("cpu") as where:
        assert where == "cpu:1"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with acquire_device("cpu") as where:
        assert where == "cpu:0"


def test_another_user_cannot_make_us_empty_a_file(tmp_path):
    victim, folder = tmp_path / "victim", tmp_path / f"farm3d-{os.getuid()}"
    victim.write_text("precious")
    folder.mkdir()
    (folder / "cpu-0").symlink_to(victim)
    # A stranger makes the folder open to all, so that they may put the link into it.
    folder.chmod(0o777)
    with pytest.raises(NotPrivate, match=r"may be changed by others \(mode 0777\)"), acquire_device("cpu"):
        pass
    folder.chmod(0o700)
    with pytest.raises(NotPrivate, match="cpu-0: cannot be opened as a file of ours"), acquire_device("cpu"):
        pass
    assert victim.read_text() == "precious"


def test_the_locks_are_for_their_owner_alone(tmp_path):
    with acquire_device("cpu"):
        folder = tmp_path / f"farm3d-{os.getuid()}"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "cpu-0").stat().st_mode & 0o777 == 0o600


def test_a_process_that_computes_has_one_thread_and_tells_of_its_training(monkeypatch):
    package = logging.getLogger("models")
    monkeypatch.setattr(package, "level", logging.WARNING)
    torch.set_num_threads(2)
    with acquire_device("cpu"):
        assert torch.get_num_threads() == 1 and package.level == logging.INFO


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with (
        pytest.raises(ValueError, match="device is cuda and torch sees no GPU; choose cpu or auto"),
        acquire_device("cuda"),
    ):
        pass


class Config:
    """Counts its builds."""

    built = 0

    def build(self, device):
        assert device == torch.device("cpu")
        Config.built += 1
        return object()


def test_a_model_is_loaded_once_for_each_device():
    config = Config()
    assert cached_model(config, "cpu:0") is cached_model(config, "cpu:0")
    assert cached_model(config, "cpu:0") is not cached_model(config, "cpu:1")
    assert Config.built == 2


def test_acquired_devices_are_torch_devices():
    assert torch_device("cpu:1") == torch.device("cpu") and torch_device("cuda:0") == torch.device("cuda", 0)
