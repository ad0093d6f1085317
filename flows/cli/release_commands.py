"""The commands of releases: `farm3d promote` and `farm3d lineage`."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import console, print_json
from flows.cli.options import Json, Root, example

app = typer.Typer()


@app.command(epilog=example("farm3d promote cow/farm3d-laptop-0123456789abcdef"))
def promote(
    release: Annotated[str, typer.Argument(help="category and folder of the release, as cow/farm3d-laptop-0123")],
    root: Root = "data",
) -> None:
    """Let a release answer for its category, whatever its method and scale, until another is promoted."""
    from flows.plan.checks import check_name
    from storage.runs import releases
    from storage.store.layout import Store

    check_name(release, root)
    promotion = releases.promote_release(Store(root), release, getpass.getuser())
    console.print(f"{release} answers for {release.partition('/')[0]}, promoted by {promotion.by} at {promotion.at}")


@app.command(epilog=example("farm3d lineage cow", "farm3d lineage cow --pictures --json > pictures.json"))
def lineage(
    released: Annotated[str, typer.Argument(help="a released file, such as a GLB; or a category: its best release")],
    root: Root = "data",
    pictures: Annotated[bool, typer.Option(help="every picture with its prompt, seed and digest")] = False,
    json: Json = False,
) -> None:
    """Where a release comes from: run, code, snapshot, shards, models, pictures."""
    from storage.runs.lineage import lines, release_of
    from storage.runs.releases import select_release
    from storage.store.layout import Store

    file = Path(released)
    selected = None if file.is_file() else select_release(Store(root), released)
    release = release_of(file, root) if file.is_file() else selected and selected.ref
    if release is None:
        raise ValueError(f"{released}: is no file, and {root} has no release of such a category; name one of the two")
    if json:
        parts = (line.split(maxsplit=1) for line in lines(release, pictures))
        return print_json([{"part": part, "comes_from": text} for part, text in parts])
    for line in lines(release, pictures):
        console.print(line)
    return None
