"""The command `farm3d export`: a GLB that is there already, in another format or with fewer triangles."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import announce
from flows.cli.options import example
from flows.cli.outputs import Levels, Output, Quantise, Triangles, write_files

app = typer.Typer()

Animal = Annotated[Path, typer.Argument(dir_okay=False, help="a .glb of a release, or one you made")]


@app.command(
    epilog=example(
        "farm3d export data/cow/releases/farm3d-laptop-0123/cow-1.glb -o cow.fbx",
        "farm3d export cow.glb -o light.glb --triangles 2000 --levels",
    )
)
def export(
    animal: Animal, output: Output, triangles: Triangles = None, levels: Levels = False, quantise: Quantise = False
) -> None:
    """A rigged GLB of farm3d to OUTPUT.usdz (with usd-core), .fbx (with Blender), or a lighter OUTPUT.glb."""
    with announce("reading the animal"):
        from models.export.levels import check_triangles
        from tasks.inference.answer_files import check_quantised, check_rigged, check_writable, encode_levels
        from tasks.inference.exported_file import load_exported

        check_rigged(output)
        check_quantised(output, quantise)
        check_triangles(triangles)
        check_writable(output)
        contents = encode_levels(load_exported(animal), output, triangles, levels, quantise)
    write_files(contents, animal, output)
