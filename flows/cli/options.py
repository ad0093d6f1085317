"""Arguments and options that several commands have, and the examples below their help.

Nothing heavy is imported here or at the top of any module of commands: `--help` and completion need none of it.
"""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.paths import local_path
from storage.store import references

PORT = 4200


def example(*commands: str) -> str:
    """What stands below the help of a command: lines to type, in a checkout with its folder `samples`."""
    return "\n\n".join((f"Example{'s' if len(commands) > 1 else ''}:", *commands))


def complete_category(incomplete: str) -> list[str]:
    """Names of categories for the shell."""
    from flows.plan.categories import categories

    return [name for name in categories() if name.startswith(incomplete)]


Category = Annotated[
    str, typer.Argument(help="the animal: cow, horse, sheep or one of your own", autocompletion=complete_category)
]
Scale = Annotated[references.Scale, typer.Option(help="how much of everything")]
Port = Annotated[int, typer.Option(min=1024, max=65535, help="port of the Prefect server on 127.0.0.1")]
Root = Annotated[str, typer.Option(help="folder or address of all data, as data or s3://bucket/farm3d")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document, for programs")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="show no progress, only what comes out")]
Whose = Annotated[
    str,
    typer.Option(
        "--category",
        help="whose best model answers; cow/RUN, cow/METHOD: that release of it",
        autocompletion=complete_category,
    ),
]
OutputFolder = Annotated[Path, typer.Argument(parser=local_path, help="folder on this machine to write to")]
