"""The command `farm3d run`: an animal from one word, from its first picture to its release."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import announce, console
from flows.cli.options import PORT, Category, Port, Root, Scale, example

if TYPE_CHECKING:
    from storage.store.layout import Store

app = typer.Typer()

Method = Annotated[
    str | None, typer.Option(help="farm3d, magicpony, ...: what learns the animal", show_default="farm3d")
]


@app.command(epilog=example("farm3d run cow", "farm3d run horse --scale smoke --port 4201"))
def run(
    category: Category, scale: Scale = "laptop", root: Root = "data", port: Port = PORT, method: Method = None
) -> None:
    """Bring everything up, run the deployment METHOD/CATEGORY to its end, and say where its results are."""
    with announce("Prefect server, worker, deployments"):
        from flows.cli.launcher import Launcher
        from flows.plan.plan import load_plan
        from storage.runs.releases import MAIN_METHOD

        method = method or MAIN_METHOD
        plan = load_plan(category, scale, root, method=method)
        launcher = Launcher(port=port)
        launcher.up()
    parameters = ("-p", f"scale={scale}", "-p", f"root={plan.store.root}")
    status = launcher.prefect("deployment", "run", f"{method}/{category}", *parameters, "--watch")
    if status == 0:
        _print_results(plan.store, category)
    console.print(f"pictures, tables, logs  {launcher.ui}{launcher.hint}")
    raise typer.Exit(status)


def _print_results(store: "Store", category: str) -> None:
    from storage.runs import releases
    from storage.store import layout

    for release in releases.published_releases(store, category)[-1:]:
        folder = layout.release(release.ref)
        console.print(f"report                  {layout.member(folder, 'report.html')}")
        console.print(f"rigged animals          {layout.member(folder, f'{category}-1.glb')}, ...")
