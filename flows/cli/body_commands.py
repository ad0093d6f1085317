"""The command that needs no photo: `farm3d pose` fits a body to joints."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import announce, console
from flows.cli.options import example
from flows.cli.outputs import Output, write_files

app = typer.Typer()

Joints = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON with the joints of one picture")]
Body = Annotated[str, typer.Option(help="what the picture shows: cow, horse, human, sheep, or the path of a body")]


@app.command(
    epilog=example(
        "farm3d pose samples/person-joints.json -o person.glb",
        "farm3d pose samples/cow-joints.json -o cow.glb --body cow",
    )
)
def pose(joints: Joints, output: Output, body: Body = "human") -> None:
    """The joints of a picture to a posed, rigged body: OUTPUT.glb (docs/methods/smplify.md)."""
    with announce("fitting the body"):
        from flows.plan.categories import shoulder_height
        from tasks.inference.answer_files import check_format, check_writable, encode_asset
        from tasks.inference.body_fit import fit_body_to_joints

        check_format(output)
        check_writable(output)
        height = shoulder_height(body)
        asset, miss = fit_body_to_joints(joints, body, height)
        contents = encode_asset(asset, output)
    write_files(contents, joints, output)
    console.print(f"its joints are {100 * miss:.1f} % of their box from those of the picture")
