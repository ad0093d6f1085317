"""Flow runs whose process is gone: Prefect leaves them, their tasks and their sub-flows Running for ever."""

import socket
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
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
from prefect.client.schemas.objects import Artifact, FlowRun, StateType, TaskRun, WorkerStatus
from prefect.states import Crashed

from flows.control.work_pool import POOL

UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
MACHINE = socket.gethostname()
"""The name of this machine's worker, which every run carries that it starts."""
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


def is_elsewhere(run: FlowRun) -> bool:
    """Whether the worker of another machine has started it: what there is of its process is not seen from here."""
    return run.labels.get("prefect.worker.name", MACHINE) != MACHINE


def lost_runs(client: SyncPrefectClient, runs: Iterable[FlowRun], began: datetime) -> list[FlowRun]:
    """Runs that a worker took and was killed before it had started their process; the worker of now `began` later.

    None where other machines have workers, which may be starting them.
    """
    taken = [run for run in runs if run.work_pool_name == POOL and not run.infrastructure_pid]
    lost = [run for run in taken if run.state and run.state.type == StateType.PENDING and run.state.timestamp < began]
    workers = client.read_workers_for_work_pool(POOL) if lost else []
    is_alone = all(worker.name == MACHINE or worker.status != WorkerStatus.ONLINE for worker in workers)
    return lost if is_alone else []


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
