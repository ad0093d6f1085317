"""The command line of categories: `farm3d category new pig --segment-as pig,dog,sheep,cow`, `farm3d category list`."""

from typing import Annotated

import typer

from flows.cli.console import console, print_json
from flows.cli.options import Json, example

app = typer.Typer(
    no_args_is_help=True,
    help="The animals that the farm can make.",
    epilog=example("farm3d category list", "farm3d category new pig --segment-as pig,dog,sheep,cow"),
)

Name = Annotated[str, typer.Argument(help='the word in every prompt; several as "polar bear"')]
SegmentAs = Annotated[str, typer.Option(help="classes a segmenter may take it for, as pig,dog,sheep,cow")]
Truth = Annotated[
    str, typer.Option(help="what models are measured against: barnyard, none, or a folder of photos with truth")
]


@app.command("list", epilog=example("farm3d category list", "farm3d category list --json"))
def list_(json: Json = False) -> None:
    """Every category, what it is segmented as and measured against."""
    from flows.plan.categories import categories, load_category

    animals = [load_category(name) for name in categories()]
    if json:
        return print_json(
            [{"name": each.name, "segment_as": each.segment_as, "truth": each.truth.kind} for each in animals]
        )
    for animal in animals:
        console.print(f"{animal.name:16} segmented as {', '.join(animal.segment_as)}; truth: {animal.truth.kind}")
    return None


@app.command(
    epilog=example(
        "farm3d category new pig --segment-as pig,dog,sheep,cow", 'farm3d category new "polar bear" --segment-as bear'
    )
)
def new(name: Name, segment_as: SegmentAs, truth: Truth = "none") -> None:
    """Add an animal: its file, and with it its deployments.

    The file is written to flows/categories, or to the folder that the variable FARM3D_CATEGORIES names.
    """
    from flows.plan.categories import shown
    from flows.plan.new_category import write_category

    file = write_category(name, segment_as.split(","), truth)
    animal = file.stem
    console.print(shown(file))
    console.print(
        f"`farm3d run {animal}` makes it; `farm3d up` deploys farm3d/{animal}, refresh/{animal} and the others"
    )
