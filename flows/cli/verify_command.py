"""The command `farm3d verify`: is every byte what was committed, and what can be mended at once."""

from typing import Annotated

import typer

from flows.cli.console import console
from storage.runs.run_faults import find_faults
from storage.store import files
from storage.store.layout import Store


def verify(
    categories: Annotated[list[str] | None, typer.Argument(help="all if none is named")] = None,
    root: Annotated[str, typer.Option(help="folder or address of all data, as data or s3://bucket/farm3d")] = "data",
    repair: Annotated[bool, typer.Option(help="mend or move away what is damaged, and then run again")] = False,
) -> None:
    """Read every byte of data sets, runs and releases again. Exits with 1 where one is not what was committed.

    --repair moves corrupt shards to quarantine, makes damaged lists anew from their copies and deletes what counts for
    nothing. The next run makes the rest again.
    """
    store, count = Store(root), 0
    for category in categories or files.names(store.root):
        for fault in find_faults(store, category):
            done = fault.mend() if repair and fault.mend else ""
            console.print(f"{fault.where}: {fault.what}{done and f'  ({done})'}")
            count += 1
    console.print(f"{count} faults" if count else f"{store.root}: every byte is what was committed")
    if count:
        raise typer.Exit(1)
