"""The commands of the Prefect server and the worker: `farm3d up`, `down` and `status`."""

import typer

from flows.cli.console import announce, console, print_json
from flows.cli.options import PORT, Json, Port, example

app = typer.Typer()


@app.command(epilog=example("farm3d up", "farm3d up --port 4201"))
def up(port: Port = PORT) -> None:
    """Start the Prefect server and a worker, and deploy every flow."""
    with announce("Prefect server, worker, deployments"):
        from flows.cli.launcher import Launcher

        launcher = Launcher(port=port)
        launcher.up()
    console.print(f"Prefect is up: {launcher.ui}{launcher.hint}")


@app.command(epilog=example("farm3d down"))
def down() -> None:
    """Stop the worker and the server. A training that runs is stopped; the next run continues it."""
    with announce("stopping what runs"):
        from flows.cli.launcher import Launcher

        stopped = Launcher().down()
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command(epilog=example("farm3d status", "farm3d status --json"))
def status(json: Json = False) -> None:
    """What runs, and where."""
    with announce("asking the server"):
        from flows.cli.launcher import Launcher

        launcher = Launcher()
        runs = launcher.unfinished() if launcher.healthy() else []
    services = {service.name: service.running() for service in (launcher.server, launcher.worker)}
    if json:
        states = [{"name": flow_run.name, "state": flow_run.state_name} for flow_run in runs]
        return print_json({"services": services, "runs": states})
    for name, running in services.items():
        console.print(f"{name}: " + (f"process {running.pid}, {running.url}" if running else "not running"))
    for flow_run in runs:
        console.print(f"run {flow_run.name}: {flow_run.state_name}")
    return None
