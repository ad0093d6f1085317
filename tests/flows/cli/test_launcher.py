import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from uuid import uuid4

import psutil
import pytest
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import State, StateType, WorkerStatus

from flows.cli import launcher as launchers
from flows.cli.credentials import read_password
from flows.cli.launcher import HOST, Launcher, PortTaken, ServerDown
from flows.cli.processes import is_port_taken
from flows.control.crashed_runs import MACHINE
from models.core.errors import Farm3dError
from storage.store.errors import NotPrivate


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


def test_two_commands_at_once_start_one_server_that_both_know(tmp_path, port, monkeypatch):
    class Slow(Launcher):
        """Serves after a second."""

        def start_server(self, port):
            begin = "import time, http.server as http; time.sleep(1)"
            serve = f"http.HTTPServer(('{HOST}', {port}), http.BaseHTTPRequestHandler).serve_forever()"
            self.server.start([sys.executable, "-c", f"{begin}; {serve}"], {}, self.url, tmp_path)
            started.append(port)

        def healthy(self):
            return is_port_taken(HOST, port)

    started = []
    monkeypatch.setattr(Slow, "_up", Slow._start_server)
    with ThreadPoolExecutor(2) as threads:
        for up in [threads.submit(Slow(tmp_path, port).up) for _ in range(2)]:
            up.result()
    assert started == [port] and Slow(tmp_path, port).server.running()
    assert Launcher(tmp_path, port).server.stop()


def test_stopping_nothing_stops_nothing(tmp_path, port):
    assert Launcher(tmp_path, port).down() == []


def test_a_failed_quiet_command_shows_its_output(tmp_path, port):
    with pytest.raises(Farm3dError, match=r"prefect no-such-verb failed:(.|\n)*no-such-verb"):
        Launcher(tmp_path, port).prefect("no-such-verb", quiet=True)


class Foreign(BaseHTTPRequestHandler):
    """Some server that answers everybody, or nobody, with the same status."""

    status, asked = 200, None

    def do_GET(self):
        type(self).asked = self.headers.get("Authorization")
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def foreign(port):
    server = HTTPServer((HOST, port), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Foreign
    server.shutdown()
    server.server_close()


def test_a_server_that_asks_for_a_password_says_how_to_give_it(tmp_path, port, monkeypatch, foreign):
    monkeypatch.setattr(foreign, "status", 401)
    monkeypatch.setenv("PREFECT_API_URL", f"http://{HOST}:{port}/api")
    with pytest.raises(ServerDown, match="asks for a password; set PREFECT_API_AUTH_STRING"):
        Launcher(tmp_path).up()


def test_the_password_of_the_environment_is_sent(tmp_path, port, monkeypatch, foreign):
    monkeypatch.setenv("PREFECT_API_URL", f"http://{HOST}:{port}/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "ann:secret")
    assert Launcher(tmp_path).healthy() and foreign.asked == "Basic YW5uOnNlY3JldA=="


def test_the_server_is_asked_directly_where_there_is_a_proxy(tmp_path, port, monkeypatch, foreign):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    launcher = Launcher(tmp_path, port)
    assert launcher.healthy() and "127.0.0.1" in launcher.environment["no_proxy"].split(",")


def test_down_leaves_the_runs_of_another_checkouts_server_alone(tmp_path, port, monkeypatch, foreign):
    monkeypatch.setattr(Launcher, "unfinished", lambda self: pytest.fail("asked for its runs"))
    assert Launcher(tmp_path, port).down() == []


class Server:
    """Two runs whose processes are gone: a flow's, and that of a sub-flow of it; and one somebody runs by hand.

    Of two more there is no process yet: one taken by the worker that is there, one before it was started.
    """

    def __init__(self):
        self.parent, self.child, self.by_hand, self.taken, self.lost = (uuid4() for _ in range(5))
        self.crashed, self.machine, self.workers = [], MACHINE, [MACHINE]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read_flow_runs(self, flow_run_filter, limit, offset):
        def run(each, pid=None, parent=None, minutes=None):
            since = datetime.now(UTC) + timedelta(minutes=minutes or 0)
            return SimpleNamespace(
                id=each,
                infrastructure_pid=pid,
                parent_task_run_id=parent,
                labels={"prefect.worker.name": self.machine} if pid else {},
                work_pool_name=None if minutes is None else "farm3d",
                state=State(type=StateType.PENDING, timestamp=since),
            )

        return [
            run(self.parent, "999999999"),
            run(self.child, parent=uuid4()),
            run(self.by_hand),
            run(self.taken, minutes=1),
            run(self.lost, minutes=-1),
        ]

    def read_workers_for_work_pool(self, pool):
        return [SimpleNamespace(name=name, status=WorkerStatus.ONLINE) for name in self.workers]

    def read_task_run(self, _):
        return SimpleNamespace(flow_run_id=self.parent)


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(Launcher, "client", lambda self: server)
    monkeypatch.setattr(launchers, "crash_run", lambda client, run, message: server.crashed.append(run))
    return server


def test_runs_without_a_process_are_marked_crashed_and_those_whose_worker_died_before(tmp_path, port, server):
    Launcher(tmp_path, port).mark_crashed_runs()
    assert server.crashed == [server.parent, server.child, server.lost]


def test_runs_with_a_process_are_left_alone(tmp_path, port, server, monkeypatch):
    monkeypatch.setattr(launchers, "_find_process", lambda run: run.infrastructure_pid)
    Launcher(tmp_path, port).mark_crashed_runs()
    assert server.crashed == [server.lost]


def test_what_the_worker_of_now_has_taken_is_left_to_it(tmp_path, port, server, monkeypatch):
    began = datetime.now(UTC).timestamp() - 120
    monkeypatch.setattr(launchers.Detached, "running", lambda self: SimpleNamespace(created=began, url=""))
    Launcher(tmp_path, port).mark_crashed_runs()
    assert server.crashed == [server.parent, server.child]


def test_runs_of_other_machines_are_left_to_their_heartbeats(tmp_path, port, server):
    server.machine, server.workers = "another", [MACHINE, "another"]
    Launcher(tmp_path, port).mark_crashed_runs()
    assert server.crashed == []


def process_of(state, minutes):
    """What is found of a run that has been in this state since so many minutes after this process was begun."""
    since = datetime.fromtimestamp(psutil.Process().create_time(), UTC) + timedelta(minutes=minutes)
    return launchers._find_process(
        SimpleNamespace(infrastructure_pid=str(os.getpid()), state=State(type=state, timestamp=since))
    )


def test_a_process_that_got_the_number_of_a_dead_run_is_not_taken_for_it(monkeypatch):
    monkeypatch.setattr(launchers.psutil.Process, "cmdline", lambda self: ["python", "-m", "prefect.engine"])
    assert process_of(StateType.RUNNING, minutes=1)
    assert process_of(StateType.RUNNING, minutes=-1) is None
    assert process_of(StateType.PENDING, minutes=-1)


def test_a_home_that_others_may_write_to_is_refused(tmp_path, port):
    tmp_path.chmod(0o777)
    with pytest.raises(NotPrivate):
        Launcher(tmp_path, port).up()


@pytest.mark.slow
def test_up_on_a_second_machine_adds_what_the_server_lacks_and_leaves_the_rest(launcher, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", launcher.url)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", read_password(launcher.home))
    with launcher.client() as client:
        kept = client.read_deployment_by_name("refresh/cow")
        gone = client.read_deployment_by_name("evaluation/cow")
        client.update_deployment(kept.id, DeploymentUpdate(description="as an operator left it"))
        client.delete_deployment(gone.id)
    second = Launcher(tmp_path / "home")
    try:
        second.up()
        assert second.foreign and not second.server.running()
        with launcher.client() as client:
            assert client.read_deployment_by_name("refresh/cow").description == "as an operator left it"
            assert client.read_deployment_by_name("evaluation/cow").id != gone.id
    finally:
        second.down()
