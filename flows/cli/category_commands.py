"""The command line of categories: `farm3d category new pig --segment-as dog,sheep,cow`, `farm3d category list`."""

from typing import Annotated

import typer

from flows.cli.console import console
from flows.plan import categories
from flows.plan.categories import VARIABLE, shown
from flows.plan.new_category import write_category

app = typer.Typer(no_args_is_help=True, help="The animals that the farm can make.")

Name = Annotated[str, typer.Argument(help='the word in every prompt; several as "polar bear"')]
SegmentAs = Annotated[str, typer.Option(help="classes a segmenter may take it for, as dog,sheep,cow")]
Truth = Annotated[
    str, typer.Option(help="what models are measured against: barnyard, none, or a folder of photos with truth")
]
WHERE = f"""

    The file is written to flows/categories, or to the folder that the variable {VARIABLE} names."""


@app.command("list")
def list_() -> None:
    """Every category, what it is segmented as and measured against."""
    for name in categories.categories():
        category = categories.load_category(name)
        console.print(f"{name:16} segmented as {', '.join(category.segment_as)}; truth: {category.truth.kind}")


@app.command(help=f"Add an animal: its file, and with it its deployments.{WHERE}")
def new(name: Name, segment_as: SegmentAs, truth: Truth = "none") -> None:
    """Write the file of a category; its deployments follow from it."""
    file = write_category(name, segment_as.split(","), truth)
    animal = file.stem
    console.print(shown(file))
    console.print(
        f"`farm3d run {animal}` makes it; `farm3d up` deploys farm3d/{animal}, refresh/{animal} and the others"
    )
