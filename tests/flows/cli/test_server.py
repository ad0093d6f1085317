import os
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import anyio
import httpx
import pytest
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.services import event_persister
from prefect.settings import get_current_settings
from prefect.states import Completed
from sqlalchemy.exc import OperationalError
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from flows.aftermath import aftermath
from flows.cli.credentials import authorization, password_file, read_password
from flows.cli.server import OwnOriginOnly
from flows.control.checkout import ROOT
from tests.flows.test_farm3d import MINUTES, wait_for

OWN = "http://127.0.0.1:4321"


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        return await socket.close()
    return await PlainTextResponse("served")(scope, receive, send)


@pytest.fixture
def guarded():
    return TestClient(OwnOriginOnly(application, 4321), base_url=OWN, follow_redirects=False)


@pytest.mark.parametrize("headers", [{}, {"origin": OWN}, {"host": "localhost:4321"}])
def test_programs_and_its_own_pages_are_served(guarded, headers):
    assert guarded.get("/api/x", headers=headers).text == "served"


def test_its_pages_speak_to_this_server_alone(guarded):
    policy = guarded.get("/v2/dashboard").headers["content-security-policy"]
    assert policy == "connect-src 'self' ws://127.0.0.1:4321 data: blob:"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://localhost:4321"},
        {"host": "rebind.evil.example"},
        {"host": "rebind.evil.example:4321"},
        {"host": "127.0.0.1:9999"},
        {"host": ""},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_others_and_rebound_names_are_refused(guarded, method, headers):
    answer = guarded.request(method, "/api/x", headers=headers)
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect("/api/events/in", headers=headers):
        pass


def test_a_second_host_header_does_not_help():
    sent = []

    async def send(message):
        sent.append(message)

    hosts = [(b"host", b"127.0.0.1:4321"), (b"host", b"evil.example")]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": hosts}
    anyio.run(OwnOriginOnly(application, 4321), scope, None, send)
    assert sent[0]["status"] == 403


def test_a_page_of_localhost_moves_to_the_one_origin(guarded):
    page = {"host": "localhost:4321", "accept": "text/html,*/*"}
    assert guarded.get("/runs?a=b", headers=page).headers["location"] == f"{OWN}/runs?a=b"


def test_no_event_is_dropped_while_the_database_is_locked(monkeypatch):
    written, attempts = [], []

    class Session:
        async def commit(self):
            # Where it is cancelled here, the handler keeps the events and writes them again.
            await anyio.lowlevel.checkpoint()
            written.extend(self.events)

    class Database:
        @asynccontextmanager
        async def session_context(self):
            yield Session()

    async def write_events(session, events):
        attempts.append(len(events))
        if len(attempts) <= 20:
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        session.events = [event.id for event in events]

    async def lock_for_a_while(ids):
        settings = get_current_settings().server.services.event_persister
        handler = event_persister.create_handler(
            batch_size=settings.batch_size,
            flush_every=timedelta(milliseconds=1),
            queue_max_size=settings.queue_max_size,
            max_flush_retries=settings.max_flush_retries,
        )
        async with handler as handle:
            for one in ids:
                now = datetime.now(UTC)
                event = ReceivedEvent(id=one, event="x", resource={"prefect.resource.id": "x"}, occurred=now)
                await handle(SimpleNamespace(data=event.model_dump_json()))
            with anyio.fail_after(30):
                while len(attempts) <= 20:
                    await anyio.sleep(0.01)

    monkeypatch.setattr(event_persister, "provide_database_interface", Database)
    monkeypatch.setattr(event_persister, "write_events", write_events)
    ids = [uuid4() for _ in range(30)]
    anyio.run(lock_for_a_while, ids)
    assert written == ids


@pytest.fixture
def stranger(launcher):
    """Somebody on the same machine who knows the address and nothing else."""
    with httpx.Client(base_url=launcher.url, trust_env=False) as client:
        yield client


@pytest.mark.slow
def test_another_local_user_reads_and_starts_nothing(launcher, stranger):
    assert stranger.get("/health").status_code == 200
    assert stranger.post("/deployments/filter", json={}).status_code == 401
    assert stranger.get("/admin/version", headers=authorization("farm3d:guess")).status_code == 401
    assert launcher.healthy()
    assert password_file(launcher.home).stat().st_mode & 0o077 == 0 and launcher.home.stat().st_mode & 0o077 == 0
    assert read_password(launcher.home) not in launcher.server.log.read_text() + launcher.worker.log.read_text()


@pytest.mark.slow
def test_a_web_page_gets_nothing_even_with_the_password(launcher, stranger):
    knows = authorization(read_password(launcher.home))
    for page in ({"origin": "http://evil.example"}, {"host": "rebind.evil.example"}):
        assert stranger.post("/deployments/filter", json={}, headers=knows | page).status_code == 403
        wanted = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        preflight = stranger.options("/deployments/filter", headers=wanted | page)
        assert preflight.status_code == 403 and "access-control-allow-origin" not in preflight.headers
    own = stranger.post("/deployments/filter", json={}, headers=knows | {"origin": launcher.ui})
    assert own.status_code == 200 and own.headers["access-control-allow-origin"] == launcher.ui


@pytest.mark.slow
def test_no_run_chooses_its_command(launcher, tmp_path):
    with launcher.client() as client:
        deployment = client.read_deployment_by_name("aftermath/all")
        asked = {"command": f"touch {tmp_path}/ran", "working_dir": str(tmp_path)}
        # Of a run that ended well nothing is to be cleared up.
        over = client.create_flow_run(aftermath, state=Completed())
        parameters = {"flow_run_id": str(over.id)}
        run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters, job_variables=asked)
        wait_for(lambda: client.read_flow_run(run.id).state.is_final(), 5 * MINUTES)
        assert client.read_flow_run(run.id).state.is_completed(), launcher.worker.tail()
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_the_prefect_lines_of_the_readme_find_the_server_on_its_port(launcher):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment |= {"PREFECT_PROFILES_PATH": launcher.environment["PREFECT_PROFILES_PATH"], "DO_NOT_TRACK": "1"}
    answer = subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "inspect", "farm3d/cow"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0 and "flows.farm3d.farm3d" in answer.stdout
