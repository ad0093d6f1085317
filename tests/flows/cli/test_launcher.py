import socket
from types import SimpleNamespace
from uuid import uuid4

import pytest

from flows.cli import launcher as launchers
from flows.cli.launcher import HOST, Launcher, PortTaken, ServerDown
from models.core.errors import Farm3dError


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def test_a_taken_port_is_named_with_a_way_out(tmp_path):
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127.0.0.1:{port} is taken.*--port {port + 1}"):
            Launcher(tmp_path, port).up()


def test_without_a_server_it_says_how_to_start_one(tmp_path, port):
    with pytest.raises(ServerDown, match="farm3d up"):
        Launcher(tmp_path, port).client()


def test_a_server_of_the_environment_is_never_replaced(tmp_path, port, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", f"http://{HOST}:{port}/api")
    launcher = Launcher(tmp_path)
    assert launcher.foreign and launcher.url.endswith(f":{port}/api")
    with pytest.raises(ServerDown, match="PREFECT_API_URL is .*unset it, or start that server"):
        launcher.up()


def test_a_server_that_dies_at_once_shows_its_log(tmp_path, port, monkeypatch):
    # A home that is a file cannot hold a database.
    monkeypatch.setattr(launchers.sys, "executable", "/bin/false")
    with pytest.raises(ServerDown, match=r"did not start; the end of .*server.log"):
        Launcher(tmp_path, port).up()


def test_stopping_nothing_stops_nothing(tmp_path, port):
    assert Launcher(tmp_path, port).down() == []


def test_a_failed_quiet_command_shows_its_output(tmp_path, port):
    with pytest.raises(Farm3dError, match=r"prefect no-such-verb failed:(.|\n)*no-such-verb"):
        Launcher(tmp_path, port).prefect("no-such-verb", quiet=True)


class Server:
    """Two runs whose processes are gone: a flow's, and that of a sub-flow of it; and one somebody runs by hand."""

    def __init__(self):
        self.parent, self.child, self.by_hand = uuid4(), uuid4(), uuid4()
        self.crashed = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read_flow_runs(self, flow_run_filter):
        def run(each, pid, parent):
            return SimpleNamespace(id=each, infrastructure_pid=pid, parent_task_run_id=parent)

        return [run(self.parent, "999999999", None), run(self.child, None, uuid4()), run(self.by_hand, None, None)]

    def read_task_run(self, _):
        return SimpleNamespace(flow_run_id=self.parent)

    def set_flow_run_state(self, run, state):
        assert state.is_crashed()
        self.crashed.append(run)


def test_runs_without_a_process_are_marked_crashed(tmp_path, port, monkeypatch):
    server = Server()
    monkeypatch.setattr(Launcher, "client", lambda self: server)
    Launcher(tmp_path, port).mark_crashed_runs()
    assert server.crashed == [server.parent, server.child]


def test_runs_with_a_process_are_left_alone(tmp_path, port, monkeypatch):
    server = Server()
    monkeypatch.setattr(Launcher, "client", lambda self: server)
    monkeypatch.setattr(launchers, "_find_process", lambda run: run.infrastructure_pid)
    Launcher(tmp_path, port).mark_crashed_runs()
    assert server.crashed == []
