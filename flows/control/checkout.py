"""Step for prefect.yaml: a flow runs in the checkout of the worker that starts it, wherever that lies."""

import os

from flows.plan.work_folder import work_folder

ROOT = work_folder()
"""An installed farm3d has a folder of the user's in the place of a checkout."""


def enter_checkout() -> dict[str, str]:
    """Make the worker's own checkout the working directory; a deployment does not name a folder of one machine."""
    os.chdir(ROOT)
    return {"directory": str(ROOT)}
