import json
from types import SimpleNamespace

import pytest

from flows.cli.processes import ProcessRecord
from tests.flows.cli.typed import printed


class Services:
    """A launcher that starts nothing."""

    ui, hint, started = "http://ui", "", 0

    def __init__(self, port=0):
        record = ProcessRecord(pid=7, created=1.0, url="http://ui/api") if self.started else None
        self.server = SimpleNamespace(name="server", running=lambda: record)
        self.worker = SimpleNamespace(name="worker", running=lambda: None)

    def healthy(self):
        return bool(self.started)

    def unfinished(self):
        return [SimpleNamespace(name="farm3d-cow-laptop", state_name="Running")]

    def down(self):
        return ["worker", "server"] if self.started else []


@pytest.fixture(params=[0, 1])
def started(request, monkeypatch):
    monkeypatch.setattr("flows.cli.launcher.Launcher", Services)
    monkeypatch.setattr(Services, "started", request.param)
    return request.param


def test_down_names_what_it_stopped(started):
    assert printed("down") == (0, "stopped: worker, server\n" if started else "nothing was running\n")


def test_status_names_services_and_runs_in_words_and_as_json(started):
    words = "server: process 7, http://ui/api\nworker: not running\nrun farm3d-cow-laptop: Running\n"
    assert printed("status") == (0, words if started else "server: not running\nworker: not running\n")
    _, text = printed("status", "--json")
    said = json.loads(text)
    assert said["services"]["worker"] is None and bool(said["services"]["server"]) == bool(started)
    assert said["runs"] == ([{"name": "farm3d-cow-laptop", "state": "Running"}] if started else [])
