import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch

from tasks import machine
from tasks.machine import loaded, place, torch_device


@pytest.fixture(autouse=True)
def _own_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(machine, "POLL_SECONDS", 0.01)


def test_a_core_is_used_by_one_at_a_time():
    with place("cpu") as first, place("cpu") as second:
        assert {first, second} == {"cpu:0", "cpu:1"}
        third = []
        waiting = threading.Thread(target=lambda: third.append(entered()))
        waiting.start()
        time.sleep(0.1)
        assert not third
    waiting.join(5)
    assert third


def entered():
    with place("cpu") as where:
        return where


def test_a_killed_holder_gives_its_place_back(tmp_path):
    code = (
        "import tempfile, time; from tasks import machine; tempfile.tempdir = None\n"
        f"machine.tempfile.gettempdir = lambda: {str(tmp_path)!r}; machine.os.cpu_count = lambda: 1\n"
        "with machine.place('cpu'): print('in', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "in\n"
    with place("cpu") as where:
        assert where == "cpu:1"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with place("cpu") as where:
        assert where == "cpu:0"


def test_one_thread_for_a_core():
    with place("cpu"):
        assert torch.get_num_threads() == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="device is cuda and torch sees no GPU; choose cpu or auto"), place("cuda"):
        pass


class Config:
    """Counts its builds."""

    built = 0

    def build(self, device):
        assert device == torch.device("cpu")
        Config.built += 1
        return object()


def test_a_model_is_loaded_once_for_each_place():
    config = Config()
    assert loaded(config, "cpu:0") is loaded(config, "cpu:0")
    assert loaded(config, "cpu:0") is not loaded(config, "cpu:1")
    assert Config.built == 2


def test_places_are_torch_devices():
    assert torch_device("cpu:1") == torch.device("cpu") and torch_device("cuda:0") == torch.device("cuda", 0)
