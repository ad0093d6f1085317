"""The Prefect server and the worker of this checkout: started detached, found by later commands, and stopped.

`prefect server start --background` is not used: it leaves the server with pipes that nobody reads, and the first
line it logs afterwards kills it.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed

from flows.cli.processes import STOP_SECONDS, Detached
from flows.deployments import write_prefect_file
from models.core.errors import Farm3dError

ROOT = Path(__file__).resolve().parents[2]
POOL = "farm3d"
PORT = 4200
HOST = "127.0.0.1"
START_SECONDS = 90
"""The first start migrates an empty database: 6-13 s here, more on a busy machine."""


class ServerDown(Farm3dError):
    """No Prefect server answers where one should."""


class PortTaken(Farm3dError):
    """Another program listens where the server should."""


class Launcher:
    """One server and one worker under one home folder; a server named by PREFECT_API_URL is used as it is."""

    def __init__(self, home: Path | None = None, port: int = PORT) -> None:
        """A server that runs already keeps its port."""
        self.home = home or Path(os.environ.get("PREFECT_HOME", ROOT / ".farm3d")).resolve()
        self.server, self.worker = Detached("server", self.home), Detached("worker", self.home)
        running = self.server.running()
        self.foreign = None if running else os.environ.get("PREFECT_API_URL")
        self.url = running.url if running else self.foreign or f"http://{HOST}:{port}/api"

    @property
    def ui(self) -> str:
        """Where a browser looks."""
        return self.url.removesuffix("/api")

    @property
    def environment(self) -> dict[str, str]:
        """What every Prefect command of this checkout needs."""
        return {"PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.url, "DO_NOT_TRACK": "1"}

    def client(self) -> SyncPrefectClient:
        """A client of the server.

        Raises ServerDown if none answers.
        """
        if not self.healthy():
            raise ServerDown(f"{self.url}: no Prefect server answers; start one with `farm3d up`")
        return SyncPrefectClient(self.url)

    def healthy(self) -> bool:
        """Whether the server answers."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def up(self) -> None:
        """Server, worker, pool and deployments; what already runs is used."""
        self._start_server()
        self.mark_crashed_runs()
        self._make_pool()
        self._start_worker()
        file = write_prefect_file(self.home)
        self.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(file), quiet=True)

    def down(self) -> list[str]:
        """Stop the runs, the worker and the server; names what was stopped."""
        if self.healthy() and not self.foreign:
            _terminate_runs(self.unfinished())
        stopped = [self.worker.name] if self.worker.stop() else []
        if self.healthy():
            self.mark_crashed_runs()
        return [*stopped, self.server.name] if self.server.stop() else stopped

    def prefect(self, *arguments: str, quiet: bool = False) -> int:
        """Run a Prefect command against the server; its exit status.

        Raises Farm3dError with its output if a quiet one fails.
        """
        process = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            check=False,
        )
        if quiet and process.returncode:
            raise Farm3dError(f"prefect {' '.join(arguments)} failed:\n{process.stdout}")
        return process.returncode

    def unfinished(self) -> list[FlowRun]:
        """Flow runs that the server believes to be in flight."""
        unfinished = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
        with self.client() as client:
            return client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished)))
            )

    def mark_crashed_runs(self) -> list[FlowRun]:
        """Mark flow runs crashed whose process is gone: Prefect leaves them RUNNING for ever after a kill."""
        if self.foreign:
            return []
        runs = self.unfinished()
        with self.client() as client:
            parents = {run.id: self._parent(client, run) for run in runs if run.parent_task_run_id}
            alive = {run.id for run in runs if _find_process(run)}
            dead = [run for run in runs if not {run.id, parents.get(run.id)} & alive and _has_started(run)]
            for run in dead:
                client.set_flow_run_state(run.id, Crashed(message="Its process is gone."))
        return dead

    @staticmethod
    def _parent(client: SyncPrefectClient, run: FlowRun) -> object:
        return client.read_task_run(run.parent_task_run_id).flow_run_id if run.parent_task_run_id else None

    def _start_server(self) -> None:
        if self.healthy() and (self.server.running() or self.foreign):
            return
        if self.foreign:
            raise ServerDown(
                f"PREFECT_API_URL is {self.foreign} and nothing answers there; unset it, or start that server"
            )
        self.server.stop()
        port = urlsplit(self.url).port or PORT
        if _is_port_taken(port):
            raise PortTaken(
                f"{HOST}:{port} is taken by another program, perhaps the server of another checkout; "
                f"stop that, or choose a free port: `farm3d up --port {port + 1}` or `make cow PORT={port + 1}`"
            )
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
        self.server.start(command, self.environment, self.url, ROOT)
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if not self.server.running() or time.monotonic() > deadline:
                self.server.stop()
                raise ServerDown(
                    f"the Prefect server did not start; the end of {self.server.log}:\n{self.server.tail()}"
                )
            time.sleep(0.3)

    def _make_pool(self) -> None:
        with self.client() as client:
            pools = {pool.name for pool in client.read_work_pools()}
        if POOL not in pools:
            self.prefect("work-pool", "create", POOL, "--type", "process", quiet=True)

    def _start_worker(self) -> None:
        running = self.worker.running()
        if running and running.url == self.url:
            return
        self.worker.stop()
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
        self.worker.start(command, self.environment, self.url, ROOT)


def _is_port_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _find_process(run: FlowRun) -> psutil.Process | None:
    """The process of a run on this machine."""
    if not (run.infrastructure_pid or "").isdecimal():
        return None
    try:
        process = psutil.Process(int(run.infrastructure_pid or 0))
        return process if "prefect" in " ".join(process.cmdline()) else None
    except psutil.Error:
        return None


def _terminate_runs(runs: list[FlowRun]) -> None:
    """Ask runs to end, so that each saves a checkpoint: a worker that is stopped first would kill them."""
    processes = [process for process in map(_find_process, runs) if process]
    for process in processes:
        process.terminate()
    psutil.wait_procs(processes, STOP_SECONDS)


def _has_started(run: FlowRun) -> bool:
    """False for a run that a worker is about to start, and for one that somebody runs by hand with `python -m`."""
    return bool(run.infrastructure_pid or run.parent_task_run_id)
