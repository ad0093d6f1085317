"""A real Prefect server and a worker, for the tests that need them."""

import socket

import pytest

from flows.launcher import HOST, Launcher


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
