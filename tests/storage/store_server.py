"""An S3 server (moto) that dies and comes back: python -m tests.storage.store_server JOURNAL

One request at a time, so that its conditional writes are as atomic as those of S3. Every request that arrived whole is
in the journal before it is answered, and is repeated after a death: like a disk, the server holds what it had accepted
and nothing else. JOURNAL.dies says how many writes it lives for, whether it then dies `half` way through a write or
`after` it, and how many it leaves unanswered in all; JOURNAL.died is there while it is dead. While JOURNAL.careless
exists it ignores the conditions of writes, as some stores do.
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
FOR_GOOD = 99


class Server:
    """The process, from outside."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        command = [sys.executable, "-m", "tests.storage.store_server", str(journal)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        assert self.process.stdout
        self.url = f"http://{HOST}:{int(self.process.stdout.readline())}"

    def dies(self, writes: int, when: str = "half", times: int = FOR_GOOD) -> None:
        self.journal.with_suffix(".dies").write_text(f"{writes} {when} {times}")

    def lives(self) -> bool:
        """Let it live from now on; whether it did all the time."""
        dies, died = (self.journal.with_suffix(end) for end in (".dies", ".died"))
        lived = dies.exists() and not died.exists()
        dies.unlink(missing_ok=True)
        while died.exists():
            time.sleep(0.01)
        return lived

    def careless(self) -> None:
        self.journal.with_suffix(".careless").touch()

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def main(journal: Path) -> None:
    from moto.server import DomainDispatcherApplication, create_backend_app

    import_module("moto.s3.responses")  # once, not after every death
    app = DomainDispatcherApplication(create_backend_app)
    with socket.create_server((HOST, 0), backlog=64) as door:
        sys.stdout.write(f"{door.getsockname()[1]}\n")
        sys.stdout.flush()
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            child = os.fork()
            if not child:
                live(app, door, journal)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def live(app: Callable, door: socket.socket, journal: Path) -> None:
    from moto.moto_api import recorder
    from werkzeug.serving import make_server
    from werkzeug.test import Client

    stay_dead(door, journal)
    recorder._location = str(journal)
    for line in journal.read_text().splitlines() if journal.exists() else ():
        entry = json.loads(line)
        body = base64.b64decode(entry["body"]) if entry["body_encoded"] else entry["body"].encode()
        Client(app).open(entry["url"], method=entry["method"], headers=entry["headers"], data=body)
    recorder.start_recording()
    journal.with_suffix(".died").unlink(missing_ok=True)
    make_server(HOST, door.getsockname()[1], mortal(app, journal), fd=door.fileno()).serve_forever()


def stay_dead(door: socket.socket, journal: Path) -> None:
    dies = journal.with_suffix(".dies")
    if not journal.with_suffix(".died").exists():
        return
    door.settimeout(0.02)
    left = int(dies.read_text().split()[2]) - 1 if dies.exists() else 0
    while left and dies.exists():
        with suppress(TimeoutError, ConnectionResetError):
            caller = door.accept()[0]
            left -= 1
            with caller:
                caller.settimeout(1)
                caller.recv(1 << 16)
    dies.unlink(missing_ok=True)
    door.settimeout(None)


def mortal(app: Callable, journal: Path) -> Callable:
    dies, careless = journal.with_suffix(".dies"), journal.with_suffix(".careless")

    def answer(request: dict[str, Any], start: Callable) -> Iterable[bytes]:
        if careless.exists():
            request = {name: value for name, value in request.items() if name not in ("HTTP_IF_NONE_MATCH",)}
        if request["REQUEST_METHOD"] in ("GET", "HEAD") or not dies.exists():
            return app(request, start)
        left, when, times = dies.read_text().split()
        if int(left):
            dies.write_text(f"{int(left) - 1} {when} {times}")
            return app(request, start)
        journal.with_suffix(".died").touch()
        if when == "half":
            request["wsgi.input"].read(int(request.get("CONTENT_LENGTH") or 0) // 2)
        else:
            list(app(request, start))
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it is dead")

    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
