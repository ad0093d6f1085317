"""The command line: `farm3d up`, `farm3d run cow`, ..."""

import getpass
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from flows.cli import category_commands, dataset_commands, notify_command, verify_command
from flows.cli.console import console, error_console, printable, set_up_terminal
from flows.cli.failures import BUG, explain_failure
from flows.cli.launcher import PORT, Launcher
from flows.cli.paths import local_path
from storage.runs import releases
from storage.store import layout, references
from storage.store.layout import Store

if TYPE_CHECKING:
    from tasks.inference.select import Answer, Film

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From one word to a rigged 3D animal.",
)
app.add_typer(dataset_commands.app, name="dataset")
app.add_typer(category_commands.app, name="category")
app.command()(verify_command.verify)
app.command()(notify_command.notify)

Port = Annotated[int, typer.Option(help="port of the Prefect server on 127.0.0.1")]
Category = Annotated[str, typer.Argument(help="a name in flows/categories: cow, horse, sheep")]
Scale = Annotated[references.Scale, typer.Option(help="how much of everything")]
Photo = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a picture of one whole animal")]
Photos = Annotated[Path, typer.Argument(exists=True, help="a picture of one whole animal, or a folder of them")]
Folder = Annotated[
    Path,
    typer.Argument(exists=True, file_okay=False, help="photos; docs/data.md says what may lie beside them"),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", parser=local_path, help="the file to write; for a folder of photos a folder")
]
Method = Annotated[str, typer.Option(help="farm3d, magicpony, ...: what learns the animal")]
Whose = Annotated[str, typer.Option("--category", help="whose best model answers; cow/RUN: that release of it")]
Size = Annotated[int, typer.Option(min=16, help="pixels along an edge")]
Frames = Annotated[int, typer.Option(min=2)]
Texels = typer.Option(min=16, help="texels along an edge of the texture")
Root = Annotated[str, typer.Option(help="folder or address of all data, as data or s3://bucket/farm3d")]


@app.command()
def up(port: Port = PORT) -> None:
    """Start the Prefect server and a worker, and deploy every flow."""
    launcher = _bring_up(port)
    console.print(f"Prefect is up: {launcher.ui}{launcher.hint}")


@app.command()
def down() -> None:
    """Stop the worker and the server. A training that runs is stopped; the next run continues it."""
    stopped = Launcher().down()
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status() -> None:
    """What runs, and where."""
    launcher = Launcher()
    for service in (launcher.server, launcher.worker):
        running = service.running()
        console.print(f"{service.name}: " + (f"process {running.pid}, {running.url}" if running else "not running"))
    for flow_run in launcher.unfinished() if launcher.healthy() else ():
        console.print(f"run {flow_run.name}: {flow_run.state_name}")


@app.command()
def run(
    category: Category,
    scale: Scale = "laptop",
    root: Root = "data",
    port: Port = PORT,
    method: Method = releases.MAIN_METHOD,
) -> None:
    """Bring everything up, run the deployment METHOD/CATEGORY to its end, and say where its results are."""
    from flows.plan.plan import load_plan

    plan = load_plan(category, scale, root, method=method)
    launcher = _bring_up(port)
    parameters = ("-p", f"scale={scale}", "-p", f"root={plan.store.root}")
    status = launcher.prefect("deployment", "run", f"{method}/{category}", *parameters, "--watch")
    if status == 0:
        _print_results(plan.store, category)
    console.print(f"pictures, tables, logs  {launcher.ui}{launcher.hint}")
    raise typer.Exit(status)


@app.command()
def reconstruct(
    photo: Photos,
    output: Output,
    category: Whose = "cow",
    root: Root = "data",
    texture: Annotated[int, Texels] = 512,
    refine: Annotated[bool, typer.Option(help="fit pose and colours to the photo and the animal's mask")] = True,
    segmenter: Annotated[str | None, typer.Option(help="finder of animals: transformers, transformers:MODEL")] = None,
) -> None:
    """A photo to a rigged, textured, animated animal: OUTPUT.glb, or OUTPUT.obj with its texture.

    A folder of photos to the folder OUTPUT: for each a mesh, a mask, a camera and more (docs/data.md).
    """
    from storage.formats.glb import glb
    from storage.formats.meshes import obj
    from tasks.inference.answer_files import check_writable

    _check_category(category, root)
    if photo.is_dir():
        return _reconstruct_folder(photo, output, category, root, refine, segmenter)
    _check_suffix(output, ".glb", ".obj")
    check_writable(output)
    asset = _reconstruct_photo(photo, category, root, refine, segmenter).asset(texture)
    written = {output.name: glb(asset)} if output.suffix == ".glb" else obj(replace(asset, name=output.stem))
    _write({output.with_name(name): data for name, data in written.items()}, photo, output)
    return None


def _reconstruct_folder(
    folder: Path, output: Path, category: str, root: str, refine: bool, segmenter: str | None
) -> None:
    from rich.progress import track

    from tasks.inference.loading import parse_segmenter
    from tasks.inference.photo_folder import reconstruct_folder
    from tasks.inference.photo_listing import describe_others, list_folder

    if output.suffix in (".glb", ".obj") or output.is_file():
        raise ValueError(f"{output}: {folder} is a folder; give the name of a folder to write to")
    listing = list_folder(folder)
    answers = reconstruct_folder(folder, output, category, root, refine=refine, segmenter=parse_segmenter(segmenter))
    outcomes = list(track(answers, "reconstructing", total=len(listing.pictures), console=console))
    skipped = [(name, reason) for name, reason in outcomes if reason]
    for name, reason in skipped:
        error_console.print(f"skipped {name}: {reason}")
    if listing.others:
        error_console.print(describe_others(folder, listing.others))
    console.print(f"{output}  {len(outcomes) - len(skipped)} animals, {len(skipped)} photos skipped")
    if len(skipped) == len(outcomes):
        raise typer.Exit(1)


@app.command()
def turntable(
    photo: Photo, output: Output, category: Whose = "cow", root: Root = "data", size: Size = 256, frames: Frames = 36
) -> None:
    """A photo to a film once round the animal."""
    _write_film("turntable", photo, output, category, root, size, frames)


@app.command()
def animate(
    photo: Photo, output: Output, category: Whose = "cow", root: Root = "data", size: Size = 256, frames: Frames = 36
) -> None:
    """A photo to a film of the animal walking."""
    _write_film("walk", photo, output, category, root, size, frames)


@app.command()
def relight(
    photo: Photo, output: Output, category: Whose = "cow", root: Root = "data", size: Size = 256, frames: Frames = 36
) -> None:
    """A photo to a film of the animal under a moving lamp."""
    _write_film("relit", photo, output, category, root, size, frames)


@app.command()
def evaluate(folder: Folder, category: Whose = "cow", root: Root = "data") -> None:
    """The best model on a folder of your own photos, with masks, meshes and keypoints where you have them."""
    from tasks.inference.user_evaluation import evaluate_folder

    _check_category(category, root)
    with console.status("looking at the photos"):
        evaluation, skipped = evaluate_folder(folder, category, root)
    for reason in skipped:
        error_console.print(f"skipped {reason}")
    methods = list(dict.fromkeys(method for row in evaluation.rows for method in row.scores))
    table = Table("metric", *map(printable, methods), box=None)
    for row in evaluation.rows:
        scores = (row.scores.get(method) for method in methods)
        table.add_row(
            row.metric, *(f"{score.mean:.4g} {row.unit} ({score.count} values)" if score else "" for score in scores)
        )
    console.print(table)


@app.command()
def promote(
    release: Annotated[str, typer.Argument(help="category and folder of the release, as cow/farm3d-laptop-0123")],
    root: Root = "data",
) -> None:
    """Let a release answer for its category, whatever its method and scale, until another is promoted."""
    _check_category(release, root)
    promotion = releases.promote_release(Store(root), release, getpass.getuser())
    console.print(f"{release} answers for {release.partition('/')[0]}, promoted by {promotion.by} at {promotion.at}")


@app.command()
def lineage(
    released: Annotated[str, typer.Argument(help="a released file, such as a GLB; or a category: its best release")],
    root: Root = "data",
    pictures: Annotated[bool, typer.Option(help="every picture with its prompt, seed and digest")] = False,
) -> None:
    """Where a release comes from: run, code, snapshot, shards, models, pictures."""
    from storage.runs.lineage import lines, release_of

    file = Path(released)
    selected = None if file.is_file() else releases.select_release(Store(root), released)
    release = release_of(file, root) if file.is_file() else selected and selected.ref
    if release is None:
        raise ValueError(f"{released}: is no file, and {root} has no release of such a category; name one of the two")
    for line in lines(release, pictures):
        console.print(line)


def _write_film(kind: "Film", photo: Path, output: Path, category: str, root: str, size: int, frames: int) -> None:
    from models.export.film import SECONDS
    from storage.formats.pictures import gif, webp
    from tasks.inference.answer_files import check_writable

    _check_suffix(output, ".webp", ".gif")
    check_writable(output)
    _check_category(category, root)
    with console.status("rendering"):
        pictures = _reconstruct_photo(photo, category, root).film(kind, size, frames)
    data = (webp if output.suffix == ".webp" else gif)(pictures, frames / SECONDS)
    _write({output: data}, photo, output)


def _write(contents: Mapping[Path, bytes], photo: Path, output: Path) -> None:
    from tasks.inference.answer_files import write_answer

    write_answer(contents, photo, output)
    for file, data in contents.items():
        console.print(f"{file}  {len(data) / 1024:.0f} KB")


def _reconstruct_photo(
    photo: Path, category: str, root: str, refine: bool = True, segmenter: str | None = None
) -> "Answer":
    from tasks.inference.image_io import load_image
    from tasks.inference.loading import parse_segmenter
    from tasks.inference.select import answer

    pixels, mask = load_image(photo)
    with console.status("loading the model, looking at the photo"):
        return answer(pixels, category, root, mask=mask, refine=refine, segmenter=parse_segmenter(segmenter))


def _check_suffix(output: Path, *suffixes: str) -> None:
    if output.suffix not in suffixes:
        raise ValueError(f"{output}: its name ends in {output.suffix!r}; give one that ends in {' or '.join(suffixes)}")


def _check_category(category: str, root: str) -> None:
    """Raises ValueError for a category that has neither a file nor a release."""
    from flows.plan.categories import load_category

    name = category.partition("/")[0]
    if not releases.published_releases(Store(root), name):
        load_category(name)


def _bring_up(port: int) -> Launcher:
    launcher = Launcher(port=port)
    with console.status("Prefect server, worker, deployments"):
        launcher.up()
    return launcher


def _print_results(store: Store, category: str) -> None:
    for release in releases.published_releases(store, category)[-1:]:
        folder = layout.release(release.ref)
        console.print(f"report                  {layout.member(folder, 'report.html')}")
        console.print(f"rigged animals          {layout.member(folder, f'{category}-1.glb')}, ...")


def main() -> None:
    """Run a command; what somebody can mend is one sentence, and only a bug has a traceback."""
    set_up_terminal()
    try:
        app()
    except Exception as error:
        sentence = explain_failure(error)
        if sentence is None:
            error_console.print(BUG)
            raise
        error_console.print(f"error: {sentence}")
        raise SystemExit(1) from error
