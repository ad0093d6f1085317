"""Events of a data set that has grown. The automations in prefect.yaml wait for them."""

from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound

from storage.runs.growth import Growth

GROWN = "farm3d.dataset.grown"
DUE = "farm3d.dataset.due"
"""The newest model has seen too little of the data set: farm3d/<category> runs again."""


def announce_growth(category: str, growth: Growth, share: float, parameters: Mapping[str, Any]) -> bool:
    """Emit `dataset.grown`, and `dataset.due` when growth reaches `share`. Returns whether `due` was emitted.

    `due` is emitted after every refresh until a model has learnt from enough, so that one that is missed is made up
    for, but not while farm3d/<category> runs or waits for its turn. `parameters` are those of the run that is due.
    """
    resource = {"prefect.resource.id": f"farm3d.dataset.{category}", "prefect.resource.name": f"crops of {category}"}
    payload = growth.model_dump()
    if growth.added > 0:
        emit_event(GROWN, resource, payload=payload)
    due = growth.is_due(share) and not has_unfinished_run(f"farm3d/{category}")
    if due:
        emit_event(DUE, resource, payload={**payload, "parameters": dict(parameters)})
    return due


def has_unfinished_run(name: str) -> bool:
    """Whether a run of a deployment waits or holds its slot; a killed run gives its slot back after five minutes."""
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            return False
        if deployment.global_concurrency_limit and deployment.global_concurrency_limit.active_slots:
            return True
        waiting = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        )
        return bool(client.read_flow_runs(flow_run_filter=waiting, limit=1))
