"""Which code made a thing."""

import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@cache
def code() -> str:
    """The commit of this checkout, with `+` if files were changed since; without git the version of the package.

    A repository that only happens to lie around the code, as around an environment it is installed in, says nothing.
    """
    top = _git("rev-parse", "--show-toplevel")
    if top and Path(top).resolve() == REPOSITORY.resolve():
        commit, changed = _git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
        return f"git {commit}{'+' if changed else ''}"
    try:
        return f"farm3d {version('farm3d')}"
    except PackageNotFoundError:
        return "unknown"


def _git(*arguments: str) -> str:
    # Of a caller that works on another repository, such as a git hook.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
