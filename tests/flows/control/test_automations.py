import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from uuid import uuid4

import pytest
from jinja2 import Environment
from prefect import flow
from prefect.client.schemas.objects import StateType
from prefect.events import Event, get_events_client
from prefect.settings import temporary_settings
from prefect.states import Completed, Failed, Running

from flows.control import automations
from flows.control.automations import FAILURES, SILENT, tell_of_failures, watch_silent_runs
from flows.control.notification_blocks import find_block


class Server:
    """One that has automations of these names."""

    def __init__(self, *names):
        self.kept = [SimpleNamespace(name=name, id=name) for name in names]

    def read_automations_by_name(self, name):
        return [automation for automation in self.kept if automation.name == name]

    def create_automation(self, automation):
        self.kept.append(automation)

    def delete_automation(self, name):
        self.kept = [automation for automation in self.kept if automation.name != name]


def test_a_run_without_heartbeats_for_a_minute_and_a_half_is_crashed():
    server = Server()
    watch_silent_runs(server)
    (automation,) = server.kept
    trigger, (action,) = automation.trigger, automation.actions
    assert trigger.within == timedelta(seconds=90) and trigger.posture == "Proactive"
    assert trigger.after == {"prefect.flow-run.heartbeat"} and action.state == StateType.CRASHED and not action.force


def test_the_automation_of_silent_runs_is_made_once():
    server = Server(SILENT)
    watch_silent_runs(server)
    assert len(server.kept) == 1


def test_only_the_newest_target_is_told_of_failures():
    server = Server(FAILURES, SILENT)
    tell_of_failures(server, "sendgrid-email", block := uuid4())
    assert [automation.name for automation in server.kept] == [SILENT, FAILURES]
    (action,) = server.kept[1].actions
    assert action.type == "send-notification" and action.block_document_id == block
    assert {"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.Late"} <= server.kept[
        1
    ].trigger.expect


def named(name):
    return SimpleNamespace(name=name)


def rendered(template):
    """A template as the server fills it in."""
    environment = Environment()
    environment.filters["ui_url"] = lambda run: "http://ui"
    run = SimpleNamespace(name="odd-cow", state=SimpleNamespace(name="Failed", message='a "quoted"\nline'))
    return environment.from_string(template).render(flow=named("farm3d"), deployment=named("cow"), flow_run=run)


def test_a_webhook_gets_json_whatever_the_runs_message_is():
    server = Server()
    tell_of_failures(server, "webhook", uuid4())
    text = json.loads(rendered(server.kept[0].actions[0].payload))["text"]
    assert text == 'farm3d/cow is Failed: run odd-cow, a "quoted"\nline http://ui'


class Receiver(BaseHTTPRequestHandler):
    """Somebody who is told."""

    told = []

    def do_POST(self):
        Receiver.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@flow(name="quiet")
def quiet():
    """A run of nobody's."""


def until(done, seconds=240):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(1)


def beat(run):
    """A heartbeat, as a flow's process sends it."""
    resource = {"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name}
    return Event(event="prefect.flow-run.heartbeat", resource=resource, id=uuid4())


SHORT = 10
"""Seconds: a server takes no trigger that waits for less."""


@pytest.mark.slow
def test_a_silent_run_is_crashed_and_somebody_is_told(launcher, monkeypatch):
    """By an automation that differs from that of `farm3d up` in its name and its patience alone."""
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{receiver.server_port}/hook"
    with launcher.client() as client, temporary_settings(launcher.settings):
        tell_of_failures(client, *find_block(client, address))
        (own,) = client.read_automations_by_name(SILENT)
        monkeypatch.setattr(automations, "SILENT", "mark a silent run crashed soon")
        monkeypatch.setattr(automations, "SILENT_SECONDS", SHORT)
        watch_silent_runs(client)
        (impatient,) = client.read_automations_by_name(automations.SILENT)
        assert own.enabled and own.trigger.within == timedelta(seconds=90)
        assert own.trigger.model_copy(update={"within": timedelta(seconds=SHORT)}) == impatient.trigger
        silent, finished, failed = (client.create_flow_run(quiet, state=Running()) for _ in range(3))
        began = time.monotonic()
        emit([beat(silent), beat(finished)])
        client.set_flow_run_state(finished.id, Completed())
        emit([beat(finished)])
        client.set_flow_run_state(failed.id, Failed(message="no more disk"))
        until(lambda: any(failed.name in told["text"] and "no more disk" in told["text"] for told in Receiver.told))
        until(lambda: client.read_flow_run(silent.id).state.is_crashed())
        assert SHORT <= time.monotonic() - began < SHORT + 200
        until(lambda: any(silent.name in told["text"] for told in Receiver.told))
        assert client.read_flow_run(finished.id).state.is_completed()
        for automation in (impatient, *client.read_automations_by_name(FAILURES)):
            client.delete_automation(automation.id)
    receiver.shutdown()


def emit(events):
    import anyio

    async def send():
        async with get_events_client() as events_client:
            for event in events:
                await events_client.emit(event)

    anyio.run(send)
