"""The commands that answer photos: `farm3d reconstruct`, `turntable`, `animate`, `relight` and `evaluate`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import announce, console, counted, error_console, is_live, print_json, printable
from flows.cli.options import Json, Root, Whose, example
from flows.cli.outputs import Levels, Output, Quantise, Triangles, write_files

if TYPE_CHECKING:
    from models.metrics.table import Evaluation
    from tasks.inference.select import Answer, Film

app = typer.Typer()
TEXELS = 1024
GROWN = "grown"

Photo = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a picture of one whole animal")]
Photos = Annotated[Path, typer.Argument(exists=True, help="a picture of whole animals, or a folder of them")]
Folder = Annotated[
    Path,
    typer.Argument(exists=True, file_okay=False, help="photos; docs/data.md says what may lie beside them"),
]
Size = Annotated[int, typer.Option(min=16, max=2048, help="pixels along an edge")]
Frames = Annotated[int, typer.Option(min=2, max=600, help="pictures in the film")]
Age = typer.Option(help="how large it is: grown, young, or another age of its category")
Texels = typer.Option(min=16, max=8192, help="texels along an edge of the texture")


@app.command(
    epilog=example(
        "farm3d reconstruct samples/cow.jpg -o cow.glb",
        "farm3d reconstruct samples/cow.jpg -o cow.glb --triangles 5000 --levels",
        "farm3d reconstruct samples/cow.jpg -o calf.usdz --age young",
        "farm3d reconstruct samples -o animals --category horse",
    )
)
def reconstruct(  # noqa: PLR0913 - an option each
    photo: Photos,
    output: Output,
    category: Whose = "cow",
    root: Root = "data",
    texture: Annotated[int, Texels] = TEXELS,
    triangles: Triangles = None,
    levels: Levels = False,
    quantise: Quantise = False,
    age: Annotated[str, Age] = GROWN,
    refine: Annotated[bool, typer.Option(help="fit pose, colours and coat to the photo and the animal's mask")] = True,
    segmenter: Annotated[str | None, typer.Option(help="finder of animals: transformers, transformers:MODEL")] = None,
) -> None:
    """A photo to a rigged, textured, animated animal: OUTPUT.glb, .usdz (with usd-core) or .fbx (with Blender).

    OUTPUT.obj and OUTPUT.ply hold it in the pose of the photo, without a rig.

    Where the model's method gives no rig, OUTPUT.glb and OUTPUT.obj hold its mesh.

    Of several animals in the photo each gets a file, OUTPUT-1.glb, OUTPUT-2.glb, from left to right.

    A folder of photos to the folder OUTPUT: for each a mesh, a mask, a camera and more (docs/data.md).
    """
    of_a_rig = {
        "--texture": texture != TEXELS,
        "--triangles": triangles is not None,
        "--levels": levels,
        "--quantise": quantise,
        "--age": age != GROWN,
    }
    if photo.is_dir():
        _refuse_options(f"{photo}: is a folder", of_a_rig, "for one photo", "give a photo")
        return _reconstruct_folder(photo, output, category, root, refine, segmenter)
    with announce("loading the model, looking at the photo"):
        from flows.plan.categories import shoulder_height
        from flows.plan.checks import check_name
        from tasks.inference.answer_files import check_taken, encode_animals, encode_meshes

        _check_output(output, quantise, triangles)
        check_name(category, root)
        height = shoulder_height(category.partition("/")[0], age)
        answers = _answer_photo(photo, category, root, refine, segmenter)
        if all(answer.is_rigged for answer in answers):
            assets = [answer.asset(texture, height) for answer in answers]
            animals = encode_animals(assets, output, triangles, levels, quantise)
        else:
            plain = f"{category}: its model gives a mesh without a rig"
            _refuse_options(plain, of_a_rig, "for rigged animals", "ask another release")
            animals = encode_meshes(answers, output)
    for contents in animals:
        check_taken(contents, photo, output)
    for contents in animals:
        write_files(contents, photo, output)
    return None


def _check_output(output: Path, quantise: bool, triangles: int | None) -> None:
    """Raises ValueError before any work is done for a file that could not be written as it is asked for."""
    from models.export.levels import check_triangles
    from tasks.inference.answer_files import check_format, check_quantised, check_writable

    check_format(output)
    check_quantised(output, quantise)
    check_triangles(triangles)
    check_writable(output)


def _refuse_options(why: str, options: Mapping[str, bool], use: str, remedy: str) -> None:
    """Raises ValueError for options that were given and are of no use here."""
    given = [name for name, is_given in options.items() if is_given]
    if given:
        raise ValueError(f"{why}, and {', '.join(given)} is {use}; leave it out, or {remedy}")


def _reconstruct_folder(
    folder: Path, output: Path, category: str, root: str, refine: bool, segmenter: str | None
) -> None:
    with announce("loading the model"):
        from rich.progress import track

        from flows.plan.checks import check_name
        from tasks.inference.answer_files import MARKS
        from tasks.inference.loading import parse_segmenter
        from tasks.inference.photo_folder import reconstruct_folder
        from tasks.inference.photo_listing import describe_others, list_folder

        if output.suffix in MARKS or output.is_file():
            raise ValueError(f"{output}: {folder} is a folder; give the name of a folder to write to")
        check_name(category, root)
        listing = list_folder(folder)
        answers = reconstruct_folder(
            listing, output, category, root, refine=refine, segmenter=parse_segmenter(segmenter)
        )
    count = len(listing.pictures)
    outcomes = list(track(answers, "reconstructing", total=count, console=error_console, disable=not is_live()))
    skipped = [(name, reason) for name, reason in outcomes if reason]
    for name, reason in skipped:
        error_console.print(f"skipped {name}: {reason}")
    if listing.others:
        error_console.print(describe_others(folder, listing.others))
    made = counted(len(outcomes) - len(skipped), "animal")
    console.print(f"{output}  {made}, {counted(len(skipped), 'photo')} skipped")
    if len(skipped) == len(outcomes):
        raise typer.Exit(1)


@app.command(epilog=example("farm3d turntable samples/cow.jpg -o turntable.webp"))
def turntable(
    photo: Photo, output: Output, category: Whose = "cow", root: Root = "data", size: Size = 256, frames: Frames = 36
) -> None:
    """A photo to a film once round the animal.

    Of several animals in the photo the likeliest is filmed; PHOTO.mask.png beside it, white on one, chooses that one.
    """
    _write_film("turntable", photo, output, category, root, size, frames)


@app.command(epilog=example("farm3d animate samples/horse.jpg -o walk.gif --category horse"))
def animate(
    photo: Photo, output: Output, category: Whose = "cow", root: Root = "data", size: Size = 256, frames: Frames = 36
) -> None:
    """A photo to a film of the animal walking.

    Of several animals in the photo the likeliest is filmed; PHOTO.mask.png beside it, white on one, chooses that one.
    """
    _write_film("walk", photo, output, category, root, size, frames)


@app.command(epilog=example("farm3d relight samples/cow.jpg -o relit.webp --size 512"))
def relight(
    photo: Photo, output: Output, category: Whose = "cow", root: Root = "data", size: Size = 256, frames: Frames = 36
) -> None:
    """A photo to a film of the animal under a moving lamp.

    Of several animals in the photo the likeliest is filmed; PHOTO.mask.png beside it, white on one, chooses that one.
    """
    _write_film("relit", photo, output, category, root, size, frames)


@app.command(epilog=example("farm3d evaluate samples", "farm3d evaluate samples --json > numbers.json"))
def evaluate(folder: Folder, category: Whose = "cow", root: Root = "data", json: Json = False) -> None:
    """The best model on a folder of your own photos, with masks, meshes and keypoints where you have them.

    Of several animals in a photo the likeliest is measured, or that under the photo's mask.
    """
    with announce("loading the model, looking at the photos"):
        from flows.plan.checks import check_name
        from tasks.inference.user_evaluation import evaluate_folder

        check_name(category, root)
        evaluation, skipped = evaluate_folder(folder, category, root)
    for reason in skipped:
        error_console.print(f"skipped {reason}")
    if json:
        rows = [
            {"metric": row.metric, "unit": row.unit, "better": row.better, "methods": row.scores}
            for row in evaluation.rows
        ]
        return print_json({"category": category, "rows": rows, "skipped": skipped})
    return _print_evaluation(evaluation)


def _print_evaluation(evaluation: "Evaluation") -> None:
    from rich.table import Table

    methods = list(dict.fromkeys(method for row in evaluation.rows for method in row.scores))
    table = Table("metric", *map(printable, methods), box=None)
    for row in evaluation.rows:
        scores = (row.scores.get(method) for method in methods)
        table.add_row(
            row.metric, *(f"{score.mean:.4g} {row.unit} ({score.count} values)" if score else "" for score in scores)
        )
    console.print(table)


def _write_film(kind: "Film", photo: Path, output: Path, category: str, root: str, size: int, frames: int) -> None:
    with announce("loading the model, looking at the photo"):
        from flows.plan.checks import check_name
        from models.export.film import SECONDS
        from storage.formats.pictures import gif, webp
        from tasks.inference.answer_files import check_suffix, check_writable

        check_suffix(output, (".webp", ".gif"))
        check_writable(output)
        check_name(category, root)
        (answer,) = _answer_photo(photo, category, root, only_likeliest=True)
    with announce("rendering"):
        pictures = answer.film(kind, size, frames)
        data = (webp if output.suffix == ".webp" else gif)(pictures, frames / SECONDS[kind])
    write_files({output: data}, photo, output)


def _answer_photo(
    photo: Path,
    category: str,
    root: str,
    refine: bool = True,
    segmenter: str | None = None,
    only_likeliest: bool = False,
) -> "Sequence[Answer]":
    """Every animal in it, or the likeliest alone."""
    from tasks.inference.image_io import load_image
    from tasks.inference.loading import parse_segmenter
    from tasks.inference.photo_answer import answer_photo
    from tasks.inference.select import select_model

    pixels, mask = load_image(photo)
    chosen = select_model(category, root, parse_segmenter(segmenter))
    return answer_photo(pixels, chosen, mask=mask, refine=refine, only_likeliest=only_likeliest)
