"""What Prefect is told of a data set that has grown. The automations in prefect.yaml wait for it."""

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


def announce(category: str, found: Growth, share: float, parameters: Mapping[str, Any]) -> bool:
    """Tell how a data set has grown, and where that is `share` or more, that a new model is due; whether it told so.

    It is told after every refresh until a model has learnt from enough, so that one that is missed is made up for,
    but not while farm3d/<category> runs or waits for its turn. `parameters` are those of the run that is due.
    """
    resource = {"prefect.resource.id": f"farm3d.dataset.{category}", "prefect.resource.name": f"crops of {category}"}
    told = found.model_dump()
    if found.added:
        emit_event(GROWN, resource, payload=told)
    due = found.due(share) and not under_way(f"farm3d/{category}")
    if due:
        emit_event(DUE, resource, payload={**told, "parameters": dict(parameters)})
    return due


def under_way(deployment: str) -> bool:
    """Whether a run of a deployment waits, or holds its slot: that of a killed one is given back after five minutes."""
    with get_client(sync_client=True) as client:
        try:
            known = client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            return False
        if known.global_concurrency_limit and known.global_concurrency_limit.active_slots:
            return True
        waiting = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[known.id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        )
        return bool(client.read_flow_runs(flow_run_filter=waiting, limit=1))
