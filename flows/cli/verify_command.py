"""The command `farm3d verify`: is every byte what was committed, and what can be mended at once."""

from typing import Annotated

import typer

from flows.cli.console import announce, console, counted, print_json
from flows.cli.options import Json, Root, example

app = typer.Typer()


@app.command(epilog=example("farm3d verify", "farm3d verify cow --repair"))
def verify(
    categories: Annotated[list[str] | None, typer.Argument(help="all if none is named")] = None,
    root: Root = "data",
    repair: Annotated[bool, typer.Option("--repair", help="mend or move away what is damaged; then run again")] = False,
    json: Json = False,
) -> None:
    """Read every byte of data sets, runs and releases again. Exits with 1 where one is not what was committed.

    --repair moves corrupt shards to quarantine, makes damaged lists anew from their copies and deletes what counts for
    nothing. The next run makes the rest again.
    """
    with announce("reading every byte"):
        from storage.runs.run_faults import find_faults
        from storage.store.layout import Store

        store = Store(root)
        known = store.categories()
        if missing := [name for name in categories or [""] if name not in known and (name or not known)]:
            what = f"no data of {missing[0]!r}, but of {', '.join(known)}" if known else "no data"
            raise ValueError(f"{store.root}: there is {what}; name what is there, or its folder as --root")
        faults = [
            {"file": fault.where, "fault": fault.what, "mended": fault.mend() if repair and fault.mend else ""}
            for category in categories or known
            for fault in find_faults(store, category)
        ]
    if json:
        print_json({"root": store.root, "faults": faults})
    else:
        for fault in faults:
            console.print(f"{fault['file']}: {fault['fault']}{fault['mended'] and '  ({})'.format(fault['mended'])}")
        console.print(counted(len(faults), "fault") if faults else f"{store.root}: every byte is what was committed")
    if faults:
        raise typer.Exit(1)
