from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect import flow, task
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import temporary_settings
from prefect.states import Crashed, Running

from flows import aftermath as module
from flows.aftermath import aftermath
from tests.flows.test_farm3d import MINUTES, wait_for


@pytest.fixture
def cleared(monkeypatch):
    """The runs below which everything was marked crashed, on a server where every run is in this state."""

    def runs(crashed):
        found, state = [], SimpleNamespace(is_crashed=lambda: crashed)

        @contextmanager
        def client(sync_client):
            yield SimpleNamespace(read_flow_run=lambda run: SimpleNamespace(state=state))

        monkeypatch.setattr(module, "get_client", client)
        monkeypatch.setattr(module, "crash_descendants", lambda client, run, message: found.append(run))
        return found

    return runs


def test_what_is_below_a_crashed_run_is_marked_crashed(cleared):
    found, run = cleared(crashed=True), uuid4()
    aftermath.fn(run)
    assert found == [run]


def test_a_run_that_runs_again_is_left_alone(cleared):
    found = cleared(crashed=False)
    aftermath.fn(uuid4())
    assert found == []


@flow(name="parent")
def parent():
    """Of a task and a sub-flow."""


@task(name="child")
def child():
    """Of a flow that crashes."""


@pytest.mark.slow
def test_the_server_clears_up_after_a_crash_by_itself(launcher):
    with launcher.client() as client, temporary_settings(launcher.settings):
        run = client.create_flow_run(parent, tags=["farm3d"], state=Running())
        below = client.create_task_run(child, run.id, dynamic_key="0", state=Running())
        inner = client.create_flow_run(parent, parent_task_run_id=below.id, state=Running())
        client.set_flow_run_state(run.id, Crashed(message="killed"))
        wait_for(lambda: client.read_task_run(below.id).state.is_crashed(), 5 * MINUTES)
        ids = FlowRunFilter(id=FlowRunFilterId(any_=[inner.id]))
        wait_for(lambda: client.read_flow_runs(flow_run_filter=ids)[0].state.is_crashed(), 5 * MINUTES)
