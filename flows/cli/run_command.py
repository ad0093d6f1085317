"""The command `farm3d run`: an animal from one word, from its first picture to its release."""

import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.console import announce, error_console, print_json
from flows.cli.options import PORT, Category, Json, Port, Quiet, Root, Scale, example
from flows.cli.paths import local_path, shown_command

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows.cli.launcher import Launcher
    from flows.cli.run_progress import RunProgress
    from flows.plan.plan import Plan
    from storage.store.references import Scale as ScaleName

app = typer.Typer()
INTERRUPTED = 130
"""Exit status of a program that Ctrl-C ends, as shells count."""

Method = Annotated[
    str | None, typer.Option(help="farm3d, magicpony, ...: what learns the animal", show_default="farm3d")
]
Photos = Annotated[
    Path | None,
    typer.Option(parser=local_path, help="folder of photos of yours to learn from, instead of drawn ones"),
]
FromNothing = Annotated[
    bool,
    typer.Option("--from-nothing", help="from six cones and random weights, without the quadruped (farm3d, magicpony)"),
]


@app.command(
    epilog=example(
        "farm3d run cow",
        "farm3d run pig --photos my_pigs/",
        "farm3d run cow --from-nothing",
        "farm3d run horse --scale smoke --quiet --json > horse.json",
    )
)
def run(  # noqa: PLR0913 - an option each
    category: Category,
    scale: Scale = "laptop",
    root: Root = "data",
    port: Port = PORT,
    method: Method = None,
    photos: Photos = None,
    from_nothing: FromNothing = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Bring everything up, make an animal, show how far it is, and say what came out.

    A run of the same animal that goes on already is shown instead of starting another. Ctrl-C leaves it going on.
    """
    changes: dict[str, Any] = {"own_photos": {"folder": str(photos.absolute())}} if photos else {}
    changes |= {"method": {"warm_start": {"kind": "nothing"}}} if from_nothing else {}
    plan, launcher = _prepare(category, scale, root, port, method, changes, quiet)
    from flows.cli.run_progress import RunReader
    from flows.cli.run_results import collect_results, print_results
    from flows.cli.run_view import follow_run

    with launcher.client() as client:
        deployment = f"{plan.method.kind}/{category}"
        parameters = {"scale": scale, "root": plan.store.root} | ({"changes": changes} if changes else {})
        flow_run = start_run(client, deployment, parameters)
        if not quiet:
            error_console.print(f"pictures, tables, logs: {launcher.ui}{launcher.hint}")
        try:
            progress = follow_run(RunReader(client, flow_run, plan).read, f"{category}, {scale}", quiet)
        except KeyboardInterrupt:
            tell_how_to_go_on(launcher.ui)
            raise typer.Exit(INTERRUPTED) from None
    results = collect_results(plan, progress, launcher.ui)
    if json:
        print_json(results)
    elif progress.is_done:
        print_results(results)
    if not progress.is_done:
        tell_failure(category, progress)
        raise typer.Exit(1)


def _prepare(
    category: str, scale: "ScaleName", root: str, port: int, method: str | None, changes: dict[str, Any], quiet: bool
) -> "tuple[Plan, Launcher]":
    """The plan, refused before anything starts, and the server and the worker for it."""
    try:
        with nullcontext() if quiet else announce("starting the Prefect server, the worker and the deployments"):
            from flows.cli.launcher import Launcher
            from flows.plan.plan import PlanChanges, load_plan
            from storage.runs.releases import MAIN_METHOD

            plan = load_plan(category, scale, root, PlanChanges.model_validate(changes), method or MAIN_METHOD)
            if plan.own_photos:
                plan.own_photos.check_available(plan.device)
            launcher = Launcher(port=port)
            launcher.up()
    except KeyboardInterrupt:
        command = shown_command()
        error_console.print(f"\nInterrupted before the run began. `{command} down` stops what is up already.")
        raise typer.Exit(INTERRUPTED) from None
    return plan, launcher


def start_run(client: "SyncPrefectClient", deployment: str, parameters: dict[str, Any]) -> "UUID":
    """A run of a deployment: the one that does the same already and is not over, else a new one."""
    from storage.store.layout import Store

    known = client.read_deployment_by_name(deployment)
    # What somebody else left out, in the UI or on the command line of Prefect, is as the flow has it.
    fields = (known.parameter_openapi_schema or {}).get("properties", {})
    defaults = {name: field["default"] for name, field in fields.items() if "default" in field}
    for flow_run in _unfinished(client, known.id):
        said: dict[str, Any] = {
            **defaults,
            **flow_run.parameters,
            "changes": flow_run.parameters.get("changes") or None,
        }
        said["root"] = Store(str(said.get("root", "data"))).root
        if all(said.get(name) == parameters.get(name) for name in {*parameters, "changes"}):
            error_console.print(f"run {flow_run.name} does this already; this is how far it is")
            return flow_run.id
    return client.create_flow_run_from_deployment(known.id, parameters=parameters).id


def _unfinished(client: "SyncPrefectClient", deployment: "UUID") -> "list[FlowRun]":
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    from flows.control.crashed_runs import UNFINISHED

    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*UNFINISHED, StateType.SCHEDULED]))
    condition = FlowRunFilter(state=state, deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    return client.read_flow_runs(flow_run_filter=condition)


def tell_how_to_go_on(ui: str) -> None:
    """After Ctrl-C: the run does not hang on this terminal."""
    command = shown_command()
    again = f"{command} {shlex.join(sys.argv[1:])}"
    error_console.print("\nThe run goes on without this terminal.")
    error_console.print(f"  look at it    {again}")
    error_console.print(f"  in a browser  {ui}")
    error_console.print(f"  stop it       {command} down    (the first line continues it later)")


def tell_failure(category: str, progress: "RunProgress") -> None:
    """Why a run did not get to its end, and what to do."""
    stage = next((stage.name for stage in progress.stages if stage.state == "failed"), None)
    where = f" at its {stage}" if stage else ""
    why = progress.message.removeprefix("Flow run encountered an exception: ") or "no reason is known"
    error_console.print(f"error: {category} {progress.state.lower()}{where}: {why}")
    again = f"{shown_command()} {shlex.join(sys.argv[1:])}"
    error_console.print(f"What is made stays: `{again}` continues. The page above has the log.")
