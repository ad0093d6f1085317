"""Step for prefect.yaml: a flow runs in the checkout of the worker that starts it, and goes on without that worker."""

import os

from prefect.settings import PREFECT_HOME

from flows.cli.processes import Detached
from flows.plan.work_folder import work_folder

ROOT = work_folder()
"""An installed farm3d has a folder of the user's in the place of a checkout."""


def enter_checkout() -> dict[str, str]:
    """Make the worker's own checkout the working directory; a deployment does not name a folder of one machine."""
    print_to_log()
    os.chdir(ROOT)
    return {"directory": str(ROOT)}


def print_to_log() -> None:
    """Print to the worker's log instead of to the worker, here and in the flow, which takes this process over.

    The pipe to a worker breaks when that is killed, and the next line that Prefect prints ends the flow.
    """
    log = os.open(Detached("worker", PREFECT_HOME.value()).log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
