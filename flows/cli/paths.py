"""Files, folders and this command itself, as they are typed."""

import os
import shutil
import sys
from pathlib import Path


def local_path(typed: str) -> Path:
    """The path. Raises ValueError for an address, of which a path would lose a slash and stay on this machine."""
    if "://" in typed:
        raise ValueError(f"{typed}: is an address; give a path on this machine, and copy what is made from there")
    return Path(typed)


def shown_command() -> str:
    """How this very command line is called from where the user stands."""
    program, installed = Path(sys.argv[0]), shutil.which("farm3d")
    if installed and Path(installed).resolve() == program.resolve():
        return "farm3d"
    return shown_path(str(program)) if program.name == "farm3d" else "python -m farm3d"


def shown_path(path: str) -> str:
    """A file as short as it can be typed from where the user stands; addresses stay."""
    if "://" in path:
        return path
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
