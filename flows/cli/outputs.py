"""Options of the files that a command writes, and the writing of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import console
from flows.cli.paths import local_path

Output = Annotated[
    Path,
    typer.Option("--output", "-o", parser=local_path, help="the file to write; the folder, where photos lie in one"),
]
Triangles = Annotated[int | None, typer.Option(help="triangles at most; as many as there are without it")]
Levels = Annotated[bool, typer.Option(help="also OUTPUT_LOD1 and OUTPUT_LOD2 with 50 and 20 % of the triangles")]
Quantise = Annotated[bool, typer.Option(help="8 and 16 bits to an attribute in the .glb (KHR_mesh_quantization)")]


def write_files(contents: Mapping[Path, bytes], source: Path, output: Path) -> None:
    """Write what was made of a source, and print the name and size of each file.

    Raises ValueError if the source would be written over, or a file that is no earlier answer; nothing is written then.
    """
    from tasks.inference.answer_files import write_answer

    write_answer(contents, source, output)
    print_sizes(contents)


def print_sizes(contents: Mapping[Path, bytes]) -> None:
    """Print the name and size of each file."""
    for file, data in contents.items():
        console.print(f"{file}  {len(data) / 1024:.0f} KB")
