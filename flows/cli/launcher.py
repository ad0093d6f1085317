"""The Prefect server and the worker of this checkout: started detached, found by later commands, and stopped.

`prefect server start --background` is not used: it leaves the server with pipes that nobody reads, and the first
line it logs afterwards kills it.
"""

import logging
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME

from flows.cli.credentials import (
    VARIABLE,
    authorization,
    make_password,
    password_file,
    profiles_file,
    read_password,
    write_profile,
)
from flows.cli.options import PORT
from flows.cli.processes import STOP_SECONDS, Detached, is_port_taken
from flows.cli.server import HOST
from flows.control.automations import watch_silent_runs
from flows.control.checkout import ROOT
from flows.control.crashed_runs import MACHINE, crash_run, is_elsewhere, lost_runs, unfinished_runs
from flows.control.work_pool import POOL, make_work_pool
from flows.deployments import list_deployments, name_of_deployment, write_prefect_file
from flows.plan.work_folder import prepare_work_folder
from models.core.errors import Farm3dError
from storage.store.locks import hold_lock
from storage.store.private import make_private_folder

logger = logging.getLogger(__name__)

CLOCK_SECONDS = 5.0
"""The kernel and the clock tell the start of a process apart by less."""
START_SECONDS = 300
"""The first start migrates an empty database: 6-13 s here, minutes on a busy machine. One that fails ends by itself."""


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
        if running and port not in (PORT, urlsplit(running.url).port):
            logger.warning("the server runs already, at %s; for another port stop it: `farm3d down`", running.url)
        self.foreign = None if running else os.environ.get("PREFECT_API_URL")
        self.url = running.url if running else self.foreign or f"http://{HOST}:{port}/api"

    @property
    def ui(self) -> str:
        """Where a browser looks."""
        return self.url.removesuffix("/api")

    @property
    def hint(self) -> str:
        """How a browser gets in, and `prefect` commands where the home is not that of the checkout."""
        if self.foreign:
            return ""
        asked = f"  (a browser asks once for the password: the line in {password_file(self.home)})"
        profiles = profiles_file(self.home)
        elsewhere = profiles != profiles_file(ROOT / ".farm3d")
        return asked + (f"; for prefect commands: export PREFECT_PROFILES_PATH={profiles}" if elsewhere else "")

    @property
    def settings(self) -> dict[Any, Any]:
        """What a flow needs that is called in this process."""
        password = read_password(self.home)
        return {PREFECT_API_URL: self.url, PREFECT_HOME: self.home, PREFECT_API_AUTH_STRING: password}

    @property
    def environment(self) -> dict[str, str]:
        """What every Prefect command of this checkout needs; nothing on this machine is asked through a proxy."""
        direct = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), HOST, "localhost"]))
        variables = {"PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.url, "DO_NOT_TRACK": "1"}
        variables |= {"NO_PROXY": direct, "no_proxy": direct, "PREFECT_PROFILES_PATH": str(profiles_file(self.home))}
        password = read_password(self.home)
        return {**variables, VARIABLE: password} if password else variables

    def client(self) -> SyncPrefectClient:
        """A client of the server.

        Raises ServerDown if none answers.
        """
        if not self.healthy():
            raise ServerDown(f"{self.url}: no Prefect server answers; start one with `farm3d up`")
        settings = {"trust_env": bool(self.foreign)}
        return SyncPrefectClient(self.url, auth_string=read_password(self.home), httpx_settings=settings)

    def healthy(self) -> bool:
        """Whether the server answers, and takes our password."""
        return self._status() == 200

    def up(self) -> None:
        """Server, worker, pool and deployments; what already runs is used, and what is deployed stays as it is.

        Deployments of other versions are made again, but not on somebody else's server: that gets only what it lacks.
        """
        prepare_work_folder()
        make_private_folder(self.home)
        # Two commands at once would start two servers, of which nobody knows the first.
        with hold_lock(str(self.home / "launcher")):
            self._up()

    def _up(self) -> None:
        self._start_server()
        self.mark_crashed_runs()
        with self.client() as client:
            make_work_pool(client)
            watch_silent_runs(client)
            deployments = [each for each in list_deployments() if not _is_deployed(client, each, bool(self.foreign))]
        self._start_worker()
        file = write_prefect_file(self.home, deployments)
        if deployments:
            self.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(file), quiet=True)

    def down(self) -> list[str]:
        """Stop the runs, the worker and the server; names what was stopped. Other servers' runs are left alone."""
        if not self.home.exists():
            return []
        with hold_lock(str(self.home / "launcher")):
            return self._down()

    def _down(self) -> list[str]:
        is_ours = self.server.running() is not None
        if is_ours and self.healthy():
            _terminate_runs(self.unfinished())
        stopped = [self.worker.name] if self.worker.stop() else []
        if is_ours and self.healthy():
            self.mark_crashed_runs()
        return [*stopped, self.server.name] if self.server.stop() else stopped

    def start_server(self, port: int) -> None:
        """Begin to serve, with a password, and let `prefect` commands know."""
        password = make_password(self.home)
        write_profile(self.home, self.url, password)
        secure = {"PREFECT_SERVER_API_AUTH_STRING": password, "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.ui}
        command = [sys.executable, "-m", "flows.cli.server", str(port)]
        self.server.start(command, {**self.environment, **secure}, self.url, ROOT)

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
        with self.client() as client:
            return unfinished_runs(client)

    def mark_crashed_runs(self) -> list[FlowRun]:
        """Mark flow runs crashed whose process, or whose worker before there was a process, is gone.

        Prefect leaves them RUNNING or PENDING for ever. Runs of other machines are told by their heartbeats alone.
        """
        if self.foreign:
            return []
        runs, worker = self.unfinished(), self.worker.running()
        began = datetime.fromtimestamp(worker.created, UTC) if worker else datetime.now(UTC)
        with self.client() as client:
            parents = {run.id: self._parent(client, run) for run in runs if run.parent_task_run_id}
            kept = {run.id for run in runs if _find_process(run) or is_elsewhere(run)}
            lost = [run.id for run in lost_runs(client, runs, began)]
            dead = [
                run
                for run in runs
                if not {run.id, parents.get(run.id)} & kept and (_has_started(run) or run.id in lost)
            ]
            for run in dead:
                crash_run(client, run.id, "Its process is gone." if _has_started(run) else "Its worker is gone.")
        return dead

    @staticmethod
    def _parent(client: SyncPrefectClient, run: FlowRun) -> object:
        return client.read_task_run(run.parent_task_run_id).flow_run_id if run.parent_task_run_id else None

    def _status(self) -> int | None:
        """What the server answers to us; None if nothing does."""
        try:
            return httpx.get(
                f"{self.url}/admin/version",
                headers=authorization(read_password(self.home)),
                timeout=5,
                trust_env=bool(self.foreign),
            ).status_code
        except httpx.HTTPError:
            return None

    def _start_server(self) -> None:
        if running := self.server.running():
            self.url = running.url
        if self.healthy() and (self.server.running() or self.foreign):
            return
        if self.foreign and self._status() == 401:
            raise ServerDown(f"PREFECT_API_URL is {self.foreign} and asks for a password; set {VARIABLE}")
        if self.foreign:
            raise ServerDown(
                f"PREFECT_API_URL is {self.foreign} and nothing answers there; unset it, or start that server"
            )
        self.server.stop()
        port = urlsplit(self.url).port or PORT
        if is_port_taken(HOST, port):
            raise PortTaken(
                f"{HOST}:{port} is taken by another program, perhaps the server of another checkout; "
                f"stop that, or choose a free port: `farm3d up --port {port + 1}` or `make cow PORT={port + 1}`"
            )
        self.start_server(port)
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if not self.server.running() or time.monotonic() > deadline:
                self.server.stop()
                raise ServerDown(
                    f"the Prefect server did not start; the end of {self.server.log}:\n{self.server.tail()}"
                )
            time.sleep(0.3)

    def _start_worker(self) -> None:
        running = self.worker.running()
        if running and running.url == self.url:
            return
        self.worker.stop()
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
        command += ["--name", MACHINE]
        self.worker.start(command, self.environment, self.url, ROOT)


def _is_deployed(client: SyncPrefectClient, deployment: dict[str, Any], whatever_version: bool) -> bool:
    try:
        there = client.read_deployment_by_name(name_of_deployment(deployment))
    except ObjectNotFound:
        return False
    return whatever_version or there.version == deployment["version"]


def _find_process(run: FlowRun) -> psutil.Process | None:
    """The process of a run on this machine: not one that got its number after it was gone."""
    if not (run.infrastructure_pid or "").isdecimal():
        return None
    try:
        process = psutil.Process(int(run.infrastructure_pid or 0))
        began = process.create_time()
        is_prefect = "prefect" in " ".join(process.cmdline())
    except psutil.Error:
        return None
    # Its process was there before the run said that it is running; before that it may be just about to come.
    is_running = run.state is not None and run.state.type == StateType.RUNNING
    is_too_young = is_running and run.state is not None and began > run.state.timestamp.timestamp() + CLOCK_SECONDS
    return process if is_prefect and not is_too_young else None


def _terminate_runs(runs: list[FlowRun]) -> None:
    """Ask runs to end, so that each saves a checkpoint: a worker that is stopped first would kill them."""
    processes = [process for process in map(_find_process, runs) if process]
    for process in processes:
        process.terminate()
    psutil.wait_procs(processes, STOP_SECONDS)


def _has_started(run: FlowRun) -> bool:
    """False for a run that a worker is about to start, and for one that somebody runs by hand with `python -m`."""
    return bool(run.infrastructure_pid or run.parent_task_run_id)
