"""The work pool: what a flow run may ask of the worker that starts it."""

from copy import deepcopy
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.workers.process import ProcessWorker

POOL = "farm3d"
FORBIDDEN = ("command", "working_dir")
"""Of a process pool's template: with these a flow run would say what the worker executes, and where."""


def make_work_pool(client: SyncPrefectClient) -> None:
    """The pool, whose runs cannot choose their command; of one that is there the template is mended."""
    pools = {pool.name: pool for pool in client.read_work_pools()}
    if POOL not in pools:
        template = without_command(ProcessWorker.get_default_base_job_template())
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    elif (template := without_command(pools[POOL].base_job_template)) != pools[POOL].base_job_template:
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def without_command(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what would let a run choose what is executed."""
    safe = deepcopy(template)
    for variables in (safe.get("job_configuration", {}), safe.get("variables", {}).get("properties", {})):
        for name in FORBIDDEN:
            variables.pop(name, None)
    return safe
