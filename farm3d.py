"""The command `farm3d`, also as `python -m farm3d`, once it is sure that the code it finds is its own.

The packages have plain names. Where a variable such as PYTHONPATH puts another `models` or `tasks` first, that one
would be imported; it is named instead.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("flows", "tasks", "models", "storage")


def find_intruder() -> str | None:
    """Another project's package in the place of one of ours, in one sentence."""
    for name in PACKAGES:
        spec = find_spec(name)
        where = Path(spec.origin).resolve() if spec and spec.origin else None
        if where is None or where.parent.parent != Path(__file__).resolve().parent:
            other = where.parent if where else "missing"
            return f"package {name!r} of farm3d is {other}; take that out of PYTHONPATH, or install farm3d on its own"
    return None


def main() -> None:
    """Run a command."""
    if intruder := find_intruder():
        raise SystemExit(f"error: {intruder}")
    from flows.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    sys.exit(main())
