from contextlib import nullcontext
from types import SimpleNamespace

from typer.testing import CliRunner

from flows.cli.main import app


def test_who_is_to_be_told_of_failures_is_handed_to_the_server(monkeypatch):
    told, client = [], object()
    launcher = SimpleNamespace(client=lambda: nullcontext(client), settings={})
    monkeypatch.setattr("flows.cli.launcher.Launcher", lambda: launcher)
    monkeypatch.setattr("flows.control.notification_blocks.find_block", lambda client, target: ("webhook", target))
    monkeypatch.setattr("flows.control.automations.tell_of_failures", lambda *arguments: told.append(arguments))
    answer = CliRunner().invoke(app, ["notify", "https://hooks.example/x"])
    assert (answer.exit_code, answer.stdout) == (0, "told of runs that fail: https://hooks.example/x\n")
    assert told == [(client, "webhook", "https://hooks.example/x")]
