"""The command line: `farm3d up`, `farm3d run cow`, ..."""

import logging
from typing import Annotated, Literal

import typer
from rich.console import Console

from flows.launcher import PORT, Launcher
from models.errors import Farm3dError
from storage import layout
from storage.errors import StorageError
from storage.layout import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help="From one word to a rigged 3D animal.")
console = Console(highlight=False, soft_wrap=True)

Port = Annotated[int, typer.Option(help="port of the Prefect server on 127.0.0.1")]
Category = Annotated[str, typer.Argument(help="a name in flows/categories: cow, horse, sheep")]
Scale = Annotated[Literal["smoke", "laptop", "gpu", "paper"], typer.Option(help="how much of everything")]
Root = Annotated[str, typer.Option(help="folder or address of all data, as data or s3://bucket/farm3d")]


@app.command()
def up(port: Port = PORT) -> None:
    """Start the Prefect server and a worker, and deploy every flow."""
    console.print(f"Prefect is up: {_up(port).ui}")


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
    for each in launcher.unfinished() if launcher.healthy() else ():
        console.print(f"run {each.name}: {each.state_name}")


@app.command()
def run(category: Category, scale: Scale = "laptop", root: Root = "data", port: Port = PORT) -> None:
    """Bring everything up, run the deployment farm3d/CATEGORY to its end, and say where its results are."""
    from flows.plan import load_plan

    plan = load_plan(category, scale, root)
    launcher = _up(port)
    chosen = ("-p", f"scale={scale}", "-p", f"root={plan.store.root}")
    status = launcher.prefect("deployment", "run", f"farm3d/{category}", *chosen, "--watch")
    if status == 0:
        _say_where(plan.store, category)
    console.print(f"pictures, tables, logs  {launcher.ui}")
    raise typer.Exit(status)


def _up(port: int) -> Launcher:
    launcher = Launcher(port=port)
    with console.status("Prefect server, worker, deployments"):
        launcher.up()
    return launcher


def _say_where(store: Store, category: str) -> None:
    release = store.newest_release(category)
    if release:
        folder = layout.release(release)
        console.print(f"report                  {layout.member(folder, 'report.html')}")
        console.print(f"rigged animals          {layout.member(folder, f'{category}-1.glb')}, ...")


def main() -> None:
    """Run a command; an error on purpose is one sentence, not a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        app()
    except (Farm3dError, StorageError, ValueError) as error:
        console.print(f"[red]error:[/red] {error}")
        raise SystemExit(1) from error
