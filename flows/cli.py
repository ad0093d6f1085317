"""The command line: `farm3d up`, `farm3d run cow`, ..."""

import logging
from typing import Annotated

import typer
from rich.console import Console

from flows.launcher import PORT, Launcher
from models.errors import Farm3dError
from storage.errors import StorageError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="From one word to a rigged 3D animal.")
console = Console(highlight=False, soft_wrap=True)
Port = Annotated[int, typer.Option(help="port of the Prefect server on 127.0.0.1")]


@app.command()
def up(port: Port = PORT) -> None:
    """Start the Prefect server and a worker, and deploy every flow."""
    launcher = Launcher(port=port)
    with console.status("Prefect server, worker, deployments"):
        launcher.up()
    console.print(f"Prefect is up: {launcher.ui}")


@app.command()
def down() -> None:
    """Stop the worker and the server. A training that runs is stopped; the next run continues it."""
    stopped = Launcher().down()
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status() -> None:
    """What runs, and where."""
    launcher = Launcher()
    for service in (launcher.server, launcher.worker):
        running = service.running()
        console.print(f"{service.name}: " + (f"process {running.pid}, {running.url}" if running else "not running"))
    for run in launcher.unfinished():
        console.print(f"run {run.name}: {run.state_name}")


@app.command()
def run(category: str, port: Port = PORT) -> None:
    """Bring everything up and run `farm3d/CATEGORY` to its end."""
    launcher = Launcher(port=port)
    launcher.up()
    raise typer.Exit(launcher.prefect("deployment", "run", f"farm3d/{category}", "--watch"))


def main() -> None:
    """Run a command; an error on purpose is one sentence, not a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app()
    except (Farm3dError, StorageError, ValueError) as error:
        console.print(f"[red]error:[/red] {error}")
        raise SystemExit(1) from error
