from types import SimpleNamespace

import anyio
import pytest
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.exceptions import ObjectNotFound

from flows.control import schedules


class Server:
    def __init__(self, known):
        self.known = known

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def read_deployment_by_name(self, name):
        if name not in self.known:
            raise ObjectNotFound(Exception())
        return SimpleNamespace(schedules=self.known[name])

    async def read_automations_by_name(self, name):
        return self.known[name]


def asked(monkeypatch, known):
    monkeypatch.setattr(schedules, "get_client", lambda: Server(known))
    return anyio.run(schedules.preserve_schedule_state, "refresh/cow", "weekly")


def schedule(slug, active):
    return SimpleNamespace(slug=slug, active=active)


def test_paused_the_first_time(monkeypatch):
    assert asked(monkeypatch, {}) == {"active": False}


def test_what_an_operator_set_stays(monkeypatch):
    assert asked(monkeypatch, {"refresh/cow": [schedule("weekly", True)]}) == {"active": True}
    assert asked(monkeypatch, {"refresh/cow": [schedule("weekly", False)]}) == {"active": False}


def test_another_schedule_says_nothing(monkeypatch):
    assert asked(monkeypatch, {"refresh/cow": [schedule("daily", True)]}) == {"active": False}


@pytest.mark.parametrize(("known", "enabled"), [([], True), ([True], True), ([False], False)])
def test_an_automation_is_enabled_until_an_operator_pauses_it(monkeypatch, known, enabled):
    automations = {"learn cow again": [SimpleNamespace(enabled=each) for each in known], "other": []}
    monkeypatch.setattr(schedules, "get_client", lambda: Server(automations))
    assert anyio.run(schedules.preserve_automation_state, "learn cow again") == {"enabled": enabled}


@pytest.mark.slow
def test_schedules_and_automations_stay_as_an_operator_sets_them(launcher):
    with launcher.client() as client:
        deployment = client.read_deployment_by_name("refresh/cow")
        assert_active(client, schedule=False, automation=True)
        client.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=True)
        client.pause_automation(client.read_automations_by_name("learn cow again")[0].id)
        kept = client.read_deployment_by_name("refresh/horse")
        for name in ("refresh/cow", "farm3d/cow"):
            older = client.read_deployment_by_name(name)
            client.update_deployment(older.id, DeploymentUpdate(version="an older one"))
    launcher.up()
    with launcher.client() as client:
        deployment = client.read_deployment_by_name("refresh/cow")
        assert_active(client, schedule=True, automation=False)
        assert deployment.version != "an older one", "it was not deployed again"
        assert client.read_deployment_by_name("refresh/horse").updated == kept.updated, "it was as it should be"
        client.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=False)
        client.resume_automation(client.read_automations_by_name("learn cow again")[0].id)


def assert_active(client, schedule, automation):
    """Whether the schedule and the automation of cows are active; those of the others are as they came."""
    assert [each.active for each in client.read_deployment_by_name("refresh/cow").schedules] == [schedule]
    assert enabled_automations(client) == {
        "learn cow again": automation,
        "learn horse again": True,
        "learn sheep again": True,
        "mark a silent run crashed": True,
        "clear up after a crash": True,
    }


def enabled_automations(client):
    """Whether each automation is enabled, by its name; none may be there twice."""
    found = client.read_automations()
    assert len({each.name for each in found}) == len(found)
    return {each.name: each.enabled for each in found}
