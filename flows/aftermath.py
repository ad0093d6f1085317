"""What a crashed run leaves behind: tasks and sub-flows that Prefect would show as Running for ever."""

from uuid import UUID

from prefect import flow, get_client

from flows.control.crashed_runs import crash_descendants


@flow(name="aftermath")
def aftermath(flow_run_id: UUID) -> None:
    """Mark the unfinished tasks and sub-flows of a crashed run crashed. The server starts this by itself.

    Args:
        flow_run_id: the run that crashed; one that runs again by now is left alone
    """
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run_id).state
        if state and state.is_crashed():
            crash_descendants(client, flow_run_id, "The run that it belongs to crashed.")
