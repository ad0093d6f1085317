"""Step for prefect.yaml: a flow runs in the checkout of the worker that starts it, wherever that lies."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def enter_checkout() -> dict[str, str]:
    """Make the worker's own checkout the working directory; a deployment does not name a folder of one machine."""
    os.chdir(ROOT)
    return {"directory": str(ROOT)}
