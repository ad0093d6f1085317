"""Flow runs whose process is gone: Prefect leaves them, their tasks and their sub-flows Running for ever."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import Artifact, FlowRun, StateType, TaskRun
from prefect.states import Crashed

UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
PAGE = 200
"""Items of one answer; the server gives no more at once."""
Item = TypeVar("Item", FlowRun, TaskRun, Artifact)


def unfinished_runs(client: SyncPrefectClient, **conditions: Any) -> list[FlowRun]:  # noqa: ANN401 - Prefect's filters
    """Flow runs that the server believes to be in flight, all of them or those that meet further conditions."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED))
    return list(
        read_pages(
            lambda offset: client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=state, **conditions), limit=PAGE, offset=offset
            )
        )
    )


def crash_run(client: SyncPrefectClient, run: UUID, message: str) -> None:
    """Mark a flow run and everything below it crashed."""
    client.set_flow_run_state(run, Crashed(message=message))
    crash_descendants(client, run, message)


def crash_descendants(client: SyncPrefectClient, run: UUID, message: str) -> None:
    """Mark the unfinished tasks and sub-flows of a flow run crashed."""
    state = TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED))
    tasks = read_pages(
        lambda offset: client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])),
            task_run_filter=TaskRunFilter(state=state),
            limit=PAGE,
            offset=offset,
        )
    )
    for task in list(tasks):
        client.set_task_run_state(task.id, Crashed(message=message), force=True)
    for child in unfinished_runs(client, parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run])):
        crash_run(client, child.id, message)


def read_pages(read: Callable[[int], list[Item]]) -> Iterator[Item]:
    """All answers, a page at a time."""
    offset = 0
    while page := read(offset):
        yield from page
        offset += len(page)
        if len(page) < PAGE:
            return
