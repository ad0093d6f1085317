from types import SimpleNamespace

import anyio
from prefect.exceptions import ObjectNotFound

from flows import schedules


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


def asked(monkeypatch, known):
    monkeypatch.setattr(schedules, "get_client", lambda: Server(known))
    return anyio.run(schedules.stored, "refresh/cow", "weekly")


def schedule(slug, active):
    return SimpleNamespace(slug=slug, active=active)


def test_paused_the_first_time(monkeypatch):
    assert asked(monkeypatch, {}) == {"active": False}


def test_what_an_operator_set_stays(monkeypatch):
    assert asked(monkeypatch, {"refresh/cow": [schedule("weekly", True)]}) == {"active": True}
    assert asked(monkeypatch, {"refresh/cow": [schedule("weekly", False)]}) == {"active": False}


def test_another_schedule_says_nothing(monkeypatch):
    assert asked(monkeypatch, {"refresh/cow": [schedule("daily", True)]}) == {"active": False}
