"""The recipe of docs/server.md: the Prefect server on PostgreSQL."""

import os
import pwd
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
    initdb, postgres = shutil.which("initdb"), shutil.which("postgres")
    if not (initdb and postgres):
        pytest.skip("initdb and postgres are not on the PATH")
    options, port = {}, free_port()
    if os.getuid() == 0:
        # PostgreSQL refuses to run as root.
        if "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
            pytest.skip("runs as root and there is no user postgres")
        options = {"user": "postgres", "group": "postgres", "extra_groups": []}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        if options:
            shutil.chown(folder, "postgres", "postgres")
        options |= {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([initdb, "-D", f"{folder}/data", "-U", "prefect", "-A", "trust"], check=True, **options)
        settings = ["-p", str(port), "-c", f"listen_addresses={HOST}", "-c", f"unix_socket_directories={folder}"]
        server = subprocess.Popen([postgres, "-D", f"{folder}/data", *settings], **options)
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
