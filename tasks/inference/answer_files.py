"""Writing what was made of a photo, without writing over anything that is somebody's own."""

import itertools
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from models.export.asset import Asset
from models.export.levels import levels, simplify
from storage.formats.fbx import check_blender, fbx
from storage.formats.glb import glb
from storage.formats.meshes import OBJ_HEAD, PLY_HEAD, obj, plain_obj, ply
from storage.formats.usdz import LAYER, check_usd, usdz
from storage.store import files
from tasks.inference.sampling import colour_glb
from tasks.inference.select import Answer

MARKS = {
    ".glb": '"generator":"farm3d',
    ".obj": OBJ_HEAD,
    ".ply": "\n".join(PLY_HEAD),
    ".usdz": LAYER,
    ".fbx": "farm3d",
}
"""Endings of files that an animal can be written to, and what says in a file that it was written here."""
PLAIN = (".glb", ".obj")
"""Of these, what a mesh without a rig is written to."""
RIGGED = (".glb", ".usdz", ".fbx")
HEAD_BYTES = 200
"""At the start of a file, in which its mark stands; that of an FBX is among its properties."""


def check_suffix(output: Path, suffixes: Iterable[str]) -> None:
    """Raises ValueError for a name with none of these endings."""
    *others, last = suffixes
    if output.suffix not in (*others, last):
        choices = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{output}: its name ends in {output.suffix!r}; give one that ends in {choices}")


def check_format(output: Path) -> None:
    """Raises ValueError for a name whose ending is no format of an animal, or one that this machine cannot write."""
    check_suffix(output, MARKS)
    try:
        {".usdz": check_usd, ".fbx": check_blender}.get(output.suffix, lambda: None)()
    except ValueError as error:
        raise ValueError(f"{output}: {error}") from error


def check_rigged(output: Path) -> None:
    """Raises ValueError for a name whose ending is no format with a rig, or one that this machine cannot write."""
    check_suffix(output, RIGGED)
    check_format(output)


def check_quantised(output: Path, quantise: bool) -> None:
    """Raises ValueError for a format that has no quantised attributes."""
    if quantise and output.suffix != ".glb":
        raise ValueError(f"{output}: only a .glb is quantised; give one, or leave out --quantise")


def encode_asset(asset: Asset, output: Path, quantise: bool = False) -> dict[Path, bytes]:
    """The file of an animal, and what lies beside it: of NAME.obj the material and the texture."""
    if quantise:
        return {output: glb(asset, quantise=True)}
    if output.suffix == ".obj":
        return {output.with_name(name): data for name, data in obj(replace(asset, name=output.stem)).items()}
    writers = {".glb": glb, ".ply": ply, ".usdz": usdz, ".fbx": fbx}
    return {output: writers[output.suffix](asset)}


def encode_levels(
    whole: Asset, output: Path, triangles: int | None, lighter: bool, quantise: bool = False
) -> dict[Path, bytes]:
    """The files of an animal of at most so many triangles; of its lighter copies, too, each with the level in its name.

    Raises ValueError for a number of triangles that leaves no animal.
    """
    animal = whole if triangles is None else simplify(whole, triangles)
    copies = {"": animal} | {f"_{level}": copy for level, copy in (levels(animal) if lighter else {}).items()}
    files = [encode_asset(copy, output.with_stem(output.stem + ending), quantise) for ending, copy in copies.items()]
    return {file: data for one in files for file, data in one.items()}


def encode_animals(
    assets: Sequence[Asset], output: Path, triangles: int | None, lighter: bool, quantise: bool = False
) -> list[dict[Path, bytes]]:
    """The files of each animal of a photo, as of `encode_levels`: NAME-1.glb, NAME-2.glb; of the only one NAME.glb."""
    pairs = zip(assets, names_of_animals(output.stem, len(assets)), strict=True)
    return [encode_levels(asset, output.with_stem(name), triangles, lighter, quantise) for asset, name in pairs]


def encode_meshes(answers: Sequence[Answer], output: Path) -> list[dict[Path, bytes]]:
    """As of `encode_animals` the files of answers without a rig, each as of `encode_plain`."""
    names = names_of_animals(output.stem, len(answers))
    return [encode_plain(answer, output.with_stem(name)) for answer, name in zip(answers, names, strict=True)]


def encode_plain(answer: Answer, output: Path) -> dict[Path, bytes]:
    """The file of an answer without a rig: its mesh in the pose of the photo, object frame; a GLB has its colours.

    Raises ValueError for another ending, or where there is no mesh.
    """
    mesh = answer.reconstruction.mesh(0)
    if mesh is None:
        raise ValueError(f"{answer.name}: no surface was found in the photo; give another photo, or another release")
    if output.suffix not in PLAIN:
        reason = f"{answer.name} answers with a mesh without a rig"
        raise ValueError(f"{output}: {reason}; give a name that ends in {' or '.join(PLAIN)}")
    if output.suffix == ".glb":
        return {output: colour_glb(answer.reconstruction, 0, answer.origin)}
    return {output: plain_obj(mesh.vertices[0].cpu().numpy(), mesh.faces.cpu().numpy())}


def names_of_animals(name: str, count: int, others: Container[str] = ()) -> list[str]:
    """Names for each of so many animals of one photo: NAME-1, NAME-2; of the only one NAME.

    A number that makes the name of one of the `others` is left out.
    """
    if count == 1:
        return [name]
    numbered = (f"{name}-{number}" for number in itertools.count(1))
    return list(itertools.islice((one for one in numbered if one not in others), count))


def check_writable(output: Path) -> None:
    """Raises ValueError before any work is done if a file or folder of this name could not be written."""
    nearest = output.parent
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise ValueError(f"{output}: {nearest} is no folder; choose another place for what is made")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(f"{output}: {nearest} cannot be written to; choose another place, or change its permissions")


def write_answer(contents: Mapping[Path, bytes], source: Path, asked: Path | None = None) -> None:
    """The files made of a source, such as a photo.

    What was asked for by its name takes the place of what it finds, as with any command. The others do so only where
    they are of an earlier answer, which the mesh among them tells by its first line.

    Raises ValueError if the source would be written over, or a file that is no earlier answer; nothing is written then.
    """
    check_taken(contents, source, asked)
    for file, data in contents.items():
        files.put(str(file), data)


def check_taken(contents: Mapping[Path, bytes], source: Path, asked: Path | None = None) -> None:
    """Raises ValueError as `write_answer` does, and writes nothing."""
    for file in contents:
        if file.exists() and file.samefile(source):
            raise ValueError(f"{file}: is what it would be made of; choose another name")
    taken = [file for file in contents if file != asked and file.exists()]
    if taken and not any(_is_ours(file) for file in contents):
        raise ValueError(f"{taken[0]}: is there and is no earlier answer; choose another place, or move it away")


def describe_failure(photo: Path, error: Exception) -> str:
    """Why nothing was made of a photo, with its name."""
    if isinstance(error, OSError):
        return f"{error.filename or photo}: {os.strerror(error.errno or 0)}; rename it, or choose another place"
    return str(error)


def _is_ours(file: Path) -> bool:
    if file.suffix not in MARKS or not file.is_file():
        return False
    with file.open("rb") as mesh:
        head = mesh.read(-1 if file.suffix == ".fbx" else HEAD_BYTES)
    return MARKS[file.suffix].encode() in head
