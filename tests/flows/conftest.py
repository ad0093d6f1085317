"""A real Prefect server and a worker for the tests that need them, and tasks without a server for those that do not."""

import socket

import pytest

from flows import dataset as dataset_module
from flows import refresh as refresh_module
from flows.cli.launcher import HOST, Launcher
from storage.store.layout import Store
from tasks.filter import filter
from tasks.generate import generate
from tasks.segment import segment
from tasks.shard import shard
from tests.tasks.conftest import in_place
from tests.tasks.material import plain


@pytest.fixture(scope="session")
def launcher(tmp_path_factory):
    """Both under a home of their own, on a free port, with every flow deployed."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    started = Launcher(tmp_path_factory.mktemp("home"), port)
    try:
        started.up()
        yield started
    finally:
        started.down()


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "data"))


@pytest.fixture
def direct(monkeypatch):
    """Tasks that run at once and without a server, on drawn photos; gives what counts the photos."""
    for task in (generate, filter, segment):
        monkeypatch.setattr(task, "submit", lambda *arguments, task=task: Done(plain(task.fn(*map(result, arguments)))))
    monkeypatch.setattr(dataset_module, "shard", shard.fn)
    monkeypatch.setattr(refresh_module, "dataset_flow", lambda plan: dataset_module.dataset.fn)
    return in_place(monkeypatch)


class Done:
    """A future whose result is there."""

    def __init__(self, answer):
        self.answer = answer

    def result(self):
        return self.answer


def result(argument):
    return argument.result() if isinstance(argument, Done) else argument
