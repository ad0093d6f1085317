from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from flows.control import growth_events as module
from flows.control.growth_events import DUE, GROWN, announce_growth, has_unfinished_run
from flows.control.work_pool import POOL
from flows.dataset import dataset
from flows.plan.plan import PlanChanges, load_plan
from storage.dataset import snapshots
from storage.runs.growth import Growth
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, layout
from tests.flows.test_farm3d import MINUTES, wait_for

LITTLE = Growth(snapshot=3, kept=110, added=10, learnt_from=1, share=0.1)
MUCH = Growth(snapshot=4, kept=130, added=20, learnt_from=1, share=0.3)


def told(monkeypatch, found, busy=False):
    events = []
    monkeypatch.setattr(
        module, "emit_event", lambda event, resource, payload: events.append((event, resource, payload))
    )
    monkeypatch.setattr(module, "has_unfinished_run", lambda deployment: busy)
    announced = announce_growth("cow", found, 0.2, {"scale": "smoke"})
    assert announced == (DUE in [event for event, *_ in events])
    assert all(resource["prefect.resource.id"] == "farm3d.dataset.cow" for _, resource, _ in events)
    return {event: payload for event, _, payload in events}


def test_growth_is_told_with_its_numbers(monkeypatch):
    assert told(monkeypatch, LITTLE) == {
        GROWN: {"snapshot": 3, "kept": 110, "added": 10, "learnt_from": 1, "share": 0.1}
    }


def test_enough_growth_makes_a_run_due_and_says_with_what_parameters(monkeypatch):
    assert told(monkeypatch, MUCH)[DUE]["parameters"] == {"scale": "smoke"}


def test_a_data_set_that_lost_crops_has_not_grown(monkeypatch):
    assert told(monkeypatch, LITTLE.model_copy(update={"added": -3})) == {}


def test_what_was_missed_is_told_again_though_nothing_was_added(monkeypatch):
    assert list(told(monkeypatch, MUCH.model_copy(update={"added": 0}))) == [DUE]


def test_nothing_is_due_while_a_run_is_under_way(monkeypatch):
    assert list(told(monkeypatch, MUCH, busy=True)) == [GROWN]


@pytest.mark.parametrize(
    ("slots", "waiting", "expected"), [(None, [], False), (0, [], False), (1, [], True), (0, ["run"], True)]
)
def test_a_run_is_under_way_if_it_waits_or_holds_its_slot(monkeypatch, slots, waiting, expected):
    limit = None if slots is None else SimpleNamespace(active_slots=slots)
    monkeypatch.setattr(module, "get_client", lambda sync_client: Server(limit, waiting))
    assert has_unfinished_run("farm3d/cow") == expected
    assert not has_unfinished_run("farm3d/dragon")


class Server:
    def __init__(self, limit, waiting):
        self.limit, self.waiting = limit, waiting

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read_deployment_by_name(self, name):
        if name != "farm3d/cow":
            raise ObjectNotFound(Exception())
        return SimpleNamespace(id="6a1ee4b8-0000-4000-8000-000000000000", global_concurrency_limit=self.limit)

    def read_flow_runs(self, flow_run_filter, limit):
        assert flow_run_filter.deployment_id and flow_run_filter.state.type.any_ == ["SCHEDULED"]
        return self.waiting


CHANGES = {"photos": 4, "generator": {"kind": "stable_diffusion", "steps": 2}}
EVERY = timedelta(minutes=1)


@pytest.mark.slow
def test_a_scheduled_refresh_grows_the_data_set_and_its_event_starts_the_animal(launcher, direct, store):
    plan = load_plan("cow", "smoke", store.root, PlanChanges(**CHANGES))
    first = dataset.fn(plan.model_copy(update={"images": 3}), 3)
    bundles.commit(
        layout.model(store.model("cow", "old")), {"animal.safetensors": b""}, ModelAbout(snapshot=first.snapshot)
    )
    wanted = {"scale": "smoke", "root": store.root, "more": 1, "changes": CHANGES}
    with launcher.client() as client, scheduled(client, "refresh/cow", wanted) as refresh:
        # On a busy machine a refresh takes its time; only what the server does with its events is awaited for a while.
        ended = wait_for(lambda: final_state(client, refresh), 10 * MINUTES)
        assert ended.is_completed() and "farm3d/cow is due" in ended.message, ended.message
        run = wait_for(lambda: started_by_automation(client), 2 * MINUTES)[0]
        grown, due = (wait_for(lambda name=name: events(client, name), MINUTES)[-1] for name in (GROWN, DUE))
    assert run.parameters == {"category": "cow", "scale": "smoke", "root": store.root, "changes": CHANGES}
    now = snapshots.read(store.dataset("cow", grown["payload"]["snapshot"]))
    assert now.parent == first.snapshot == grown["payload"]["learnt_from"] == due["payload"]["learnt_from"]
    assert grown["payload"]["kept"] == now.kept == 3 + grown["payload"]["added"]


@contextmanager
def scheduled(client, name, parameters):
    """The first run of a deployment with a schedule in compressed time; nothing of it runs on afterwards."""
    deployment = client.read_deployment_by_name(name).id
    soon = IntervalSchedule(interval=EVERY, anchor_date=datetime.now(UTC) + EVERY / 5)
    (schedule,) = client.create_deployment_schedules(deployment, [(soon, True)], parameters=parameters)
    queue = client.read_work_queue_by_name("default", work_pool_name=POOL).id
    try:
        first = wait_for(lambda: [run for run in runs(client, name) if run.state.is_running()], 3 * MINUTES)[0]
        # What it starts is to wait, not to train.
        client.update_work_queue(queue, is_paused=True)
        yield first
    finally:
        client.delete_deployment_schedule(deployment, schedule.id)
        wait_for(lambda: not [run for run in runs(client, name) if run.state.is_running()], 3 * MINUTES)
        for run in [*runs(client, name), *started_by_automation(client)]:
            client.set_flow_run_state(run.id, Cancelled(), force=True)
        client.update_work_queue(queue, is_paused=False)


def runs(client, name):
    """Those of a deployment that are not over."""
    deployment = FlowRunFilterDeploymentId(any_=[client.read_deployment_by_name(name).id])
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(deployment_id=deployment))
    return [run for run in found if not run.state.is_final()]


def final_state(client, run):
    """How a run ended; None before."""
    state = client.read_flow_run(run.id).state
    return state if state.is_final() else None


def started_by_automation(client):
    return [run for run in runs(client, "farm3d/cow") if run.created_by and run.created_by.type == "AUTOMATION"]


def events(client, name):
    about = {"event": {"name": [name]}, "resource": {"id": ["farm3d.dataset.cow"]}}
    return client.request("POST", "/events/filter", json={"filter": about}).json()["events"]
