"""Programs that outlive the command that starts them: a record names their process, a signal stops them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from storage.store import files

STOP_SECONDS = 30


class ProcessRecord(BaseModel):
    """One running program. A process id is reused by the system; together with the start time it is unique."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    created: float
    url: str
    """The Prefect API that it serves or works for."""


@dataclass(frozen=True)
class Detached:
    """A program with a record and a log in one folder."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """Everything it prints."""
        return self.folder / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.name}.json"

    def running(self) -> ProcessRecord | None:
        """The program, if it was started here and still runs."""
        try:
            record = ProcessRecord.model_validate_json(self._record.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return record if _find_process(record) else None

    def start(self, command: Sequence[str], environment: Mapping[str, str], url: str, directory: Path) -> ProcessRecord:
        """Run `command` in a session of its own, with its output in the log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell starts background jobs with SIGINT ignored, children inherit that, and Prefect's worker
                # answers SIGTERM by sending itself SIGINT: without this it could not be stopped politely.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
            )
        record = ProcessRecord(pid=child.pid, created=psutil.Process(child.pid).create_time(), url=url)
        files.put(str(self._record), record.model_dump_json().encode())
        return record

    def stop(self) -> bool:
        """Ask it to end, and end it after 30 s; False if it did not run."""
        record = self.running()
        process = _find_process(record) if record else None
        if record and process:
            process.terminate()
            if not _ends(record, STOP_SECONDS):
                process.kill()
                _ends(record, STOP_SECONDS)
        self._record.unlink(missing_ok=True)
        return process is not None

    def tail(self) -> str:
        """The last 20 lines of the log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-20:])


def _ends(record: ProcessRecord, seconds: float) -> bool:
    """Whether it is over by then; one that whoever started it has not taken note of yet counts as over."""
    last = time.monotonic() + seconds
    while process := _find_process(record):
        if time.monotonic() > last:
            return False
        with suppress(psutil.TimeoutExpired):
            process.wait(0.1)
    return True


def _find_process(record: ProcessRecord) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        alive = process.create_time() == record.created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def is_port_taken(host: str, port: int) -> bool:
    """Whether a program listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
