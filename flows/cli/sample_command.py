"""The command that needs no photo at all: `farm3d sample` makes animals out of what a method has learnt."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import announce
from flows.cli.options import Root, example
from flows.cli.outputs import print_sizes
from flows.cli.paths import local_path

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="METHOD/CATEGORY", help="whose animals, as meshinversion/cow")]
Output = Annotated[Path, typer.Option("--output", "-o", parser=local_path, help="folder on this machine to write to")]


@app.command(
    epilog=example("farm3d sample meshinversion/cow -n 8 -o cows", "farm3d sample meshinversion/cow -o cows --seed 1")
)
def sample(
    name: Name,
    output: Output,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=64, help="animals")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="the same seed makes the same animals")] = 0,
    size: Annotated[int, typer.Option(min=16, max=2048, help="pixels along an edge of each picture")] = 192,
    root: Root = "data",
) -> None:
    """Animals of no photo: for each a coloured GLB in the folder OUTPUT, and one sheet with a picture of each."""
    with announce("making animals"):
        from flows.plan.checks import check_name
        from storage.store import files
        from tasks.inference.sampling import sample_animals

        method, _, category = name.partition("/")
        if not method or not category:
            raise ValueError(f"{name!r} is no METHOD/CATEGORY; type it as in `farm3d sample meshinversion/cow`")
        if output.is_file():
            raise ValueError(f"{output}: is a file; give the name of a folder to write to")
        check_name(category, root)
        contents = {output / file: data for file, data in sample_animals(name, count, seed, size, root).items()}
        for file, data in contents.items():
            files.put(str(file), data)
    print_sizes(contents)
