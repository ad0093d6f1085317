"""The command line: `farm3d up`, `farm3d run cow`, ...

A command imports what it needs when it is called, so that `--help`, completion and the first word on the screen need
not wait for torch and Prefect.
"""

import os
from typing import Annotated

import typer

from flows.cli import (
    body_commands,
    category_commands,
    dataset_commands,
    export_command,
    notify_command,
    photo_commands,
    release_commands,
    run_command,
    sample_command,
    service_commands,
    verify_command,
)
from flows.cli.console import console, error_console, set_up_terminal
from flows.cli.failures import BUG, explain_failure
from flows.cli.options import example
from flows.plan.work_folder import shipped_file

EXITS = """Exit status:

0 done; 1 not done or faults found, and the standard error says what to do; 2 typed wrongly; 130 interrupted.

Answers go to the standard output, everything else to the standard error."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From one word to a rigged 3D animal.",
    epilog=f"{example('farm3d reconstruct samples/cow.jpg -o cow.glb', 'farm3d run cow')}\n\n{EXITS}",
)
for commands in (
    run_command,
    photo_commands,
    export_command,
    body_commands,
    sample_command,
    service_commands,
    release_commands,
    verify_command,
    notify_command,
):
    app.add_typer(commands.app)
app.add_typer(dataset_commands.app, name="dataset")
app.add_typer(category_commands.app, name="category")


def _print_version(wanted: bool) -> None:
    if wanted:
        import tomllib

        console.print(f"farm3d {tomllib.loads(shipped_file('pyproject.toml').read_text())['project']['version']}")
        raise typer.Exit


@app.callback()
def set_up(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the version and end")
    ] = False,
) -> None:
    """From one word to a rigged 3D animal."""


def main() -> None:
    """Run a command; what somebody can mend is one sentence, and only a bug has a traceback."""
    set_up_terminal()
    os.environ.setdefault("DO_NOT_TRACK", "1")  # else Prefect sends usage data, and says so on every terminal
    try:
        app()
    except Exception as error:
        sentence = explain_failure(error)
        if sentence is None:
            error_console.print(BUG)
            raise
        error_console.print(f"error: {sentence}")
        raise SystemExit(1) from error
