"""The recipe of docs/server.md: the Prefect server on PostgreSQL."""

import os
import shutil
import socket
import subprocess
import tempfile

import pytest
from prefect.states import Completed

from flows.aftermath import aftermath
from flows.cli.launcher import HOST, Launcher
from tests.flows.test_farm3d import MINUTES, wait_for


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@pytest.fixture
def database():
    """The address of an empty database on a PostgreSQL of its own."""
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("initdb and postgres are not on the PATH")
    # PostgreSQL refuses to run as root: root runs it in a name space in which it is somebody else.
    other_user = ["unshare", "--user", "--map-user=1000"] if os.getuid() == 0 else []
    if subprocess.run([*other_user, "true"], capture_output=True, check=False).returncode:
        pytest.skip("runs as root and cannot start a program as another user")
    port, quiet = free_port(), {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        data = f"{folder}/data"
        subprocess.run([*other_user, "initdb", "-D", data, "-U", "prefect", "-A", "trust"], check=True, **quiet)
        settings = ["-p", str(port), "-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={folder}"]
        server = subprocess.Popen([*other_user, "postgres", "-D", data, *settings], **quiet)
        try:
            yield f"postgresql+asyncpg://prefect@{HOST}:{port}/postgres"
        finally:
            server.terminate()
            server.wait(60)


@pytest.mark.slow
def test_the_server_and_its_runs_live_in_postgresql(database, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", database)
    launcher = Launcher(tmp_path / "home", free_port())
    try:
        launcher.up()
        with launcher.client() as client:
            over = client.create_flow_run(aftermath, state=Completed())
            deployment = client.read_deployment_by_name("aftermath/all")
            run = client.create_flow_run_from_deployment(deployment.id, parameters={"flow_run_id": str(over.id)})
            wait_for(lambda: client.read_flow_run(run.id).state.is_final(), 5 * MINUTES)
            assert client.read_flow_run(run.id).state.is_completed()
        assert not (launcher.home / "prefect.db").exists()
    finally:
        launcher.down()
