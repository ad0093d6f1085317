"""Where the server, the worker and what they make by default lie: the checkout, or a folder of the user's.

A farm3d that was installed from a wheel has no checkout, and nothing is written among installed packages.
"""

import os
import shutil
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]
VARIABLE = "FARM3D_HOME"
"""Names the folder of an installed farm3d, which is `farm3d` in the user's own if it is not set."""
SETTINGS = "pyproject.toml"
"""Has the settings of Prefect, which reads them from the working folder of its programs."""
SHIPPED = CODE / "flows"
"""Where a wheel has what lies at the top of a checkout."""


def is_checkout() -> bool:
    """Whether this code lies in a checkout, and not among installed packages."""
    return (CODE / SETTINGS).is_file()


def work_folder() -> Path:
    """The folder, which may not exist yet."""
    if is_checkout():
        return CODE
    return Path(os.environ.get(VARIABLE) or Path.home() / "farm3d").expanduser().resolve()


def prepare_work_folder() -> None:
    """Make it, with the settings that this version has for Prefect."""
    if is_checkout():
        return
    folder = work_folder()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SHIPPED / SETTINGS, folder / SETTINGS)


def shipped_file(name: str) -> Path:
    """A file that lies at the top of a checkout."""
    return (CODE if is_checkout() else SHIPPED) / name
