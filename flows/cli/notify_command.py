"""The command `farm3d notify`: who is told of runs that fail."""

from typing import Annotated

import typer

from flows.cli.console import announce, console
from flows.cli.options import example

app = typer.Typer()


@app.command(epilog=example("farm3d notify https://hooks.example.org/farm", "farm3d notify sendgrid-email/lab"))
def notify(
    target: Annotated[str, typer.Argument(help="an address that takes JSON, or a Prefect block as sendgrid-email/lab")],
) -> None:
    """Let the server tell of every run that fails, crashes or starts late: by a webhook, or a mail or chat block."""
    with announce("asking the server"):
        from prefect.settings import temporary_settings

        from flows.cli.launcher import Launcher
        from flows.control.automations import tell_of_failures
        from flows.control.notification_blocks import find_block

        launcher = Launcher()
        with launcher.client() as client, temporary_settings(launcher.settings):
            tell_of_failures(client, *find_block(client, target))
    console.print(f"told of runs that fail: {target}")
