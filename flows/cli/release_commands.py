"""The commands of releases: `farm3d promote`, `farm3d lineage`, `farm3d report` and `farm3d compare`."""

import getpass
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import announce, console, print_json
from flows.cli.options import Category, Json, Root, example
from flows.cli.paths import local_path

if TYPE_CHECKING:
    from storage.formats.report import Report
    from storage.runs.releases import Release

app = typer.Typer()


@app.command(epilog=example("farm3d promote cow/farm3d-laptop-0123456789abcdef"))
def promote(
    release: Annotated[str, typer.Argument(help="category and folder of the release, as cow/farm3d-laptop-0123")],
    root: Root = "data",
) -> None:
    """Let a release answer for its category, whatever its method and scale, until another is promoted."""
    with announce("looking at the releases"):
        from flows.plan.checks import check_name
        from storage.runs import releases
        from storage.store.layout import Store

        check_name(release, root)
        promotion = releases.promote_release(Store(root), release, _user_name())
    console.print(f"{release} answers for {release.partition('/')[0]}, promoted by {promotion.by} at {promotion.at}")


@app.command(epilog=example("farm3d lineage cow", "farm3d lineage cow --pictures --json > pictures.json"))
def lineage(
    released: Annotated[str, typer.Argument(help="a released file, such as a GLB; or a category: its best release")],
    root: Root = "data",
    pictures: Annotated[bool, typer.Option(help="every picture with its prompt, seed and digest")] = False,
    json: Json = False,
) -> None:
    """Where a release comes from: run, code, snapshot, shards, models, pictures.

    Of a GLB that no release holds: what it says of itself.
    """
    chain = _lineage_lines(released, root, pictures)
    if json:
        return print_json(
            [{"part": part, "comes_from": text} for part, text in (line.split(maxsplit=1) for line in chain)]
        )
    for line in chain:
        console.print(line)
    return None


def _lineage_lines(released: str, root: str, pictures: bool) -> Iterator[str]:
    from storage.formats.glb import read_origin
    from storage.runs.lineage import lines, release_of
    from storage.store.errors import MissingArtifact

    file = Path(released)
    if not file.is_file():
        if file.suffix:
            raise ValueError(f"{released}: there is no such file; name one that is there, or a release as cow/RUN")
        return lines(_find_release(released, root).ref, pictures)
    try:
        return lines(release_of(file, root), pictures)
    except MissingArtifact:
        origin = read_origin(file.read_bytes())
        if not origin:
            raise
        head = f"file      {file}: in no release under {root}; it says of itself"
        return iter([head, *(f"{name:<9} {' '.join(text.split())}" for name, text in origin.items())])


@app.command(
    epilog=example(
        "farm3d report cow -o cow.html", "farm3d report cow/farm3d-laptop-0123 cow/farm3d-gpu-4567 -o two.html"
    )
)
def report(
    released: Annotated[str, typer.Argument(metavar="A", help="a category: its best release; cow/RUN: that one")],
    output: Annotated[Path, typer.Option("--output", "-o", parser=local_path, help="the .html file to write")],
    other: Annotated[str | None, typer.Argument(metavar="[B]", help="another release, set beside it")] = None,
    root: Root = "data",
) -> None:
    """The page of a release as report.html has it, and since when it is there; or of two releases side by side."""
    with announce("reading the releases"):
        from storage.formats.report import comparison_page, page
        from tasks.inference.answer_files import check_suffix, check_writable

        check_suffix(output, (".html",))
        check_writable(output)
        names = [released] if other is None else [released, other]
        reports = [_dated_report(_find_release(name, root)) for name in names]
        text = page(*reports) if other is None else comparison_page(*reports)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    console.print(f"{output}  {len(text.encode()) / 1e6:.1f} MB; open it in a browser")


@app.command(
    epilog=example(
        "farm3d compare cow -o methods.html",
        "farm3d compare cow -o methods.html --scenes 60 --also meshrcnn-laptop-0123456789abcdef",
    )
)
def compare(
    category: Category,
    output: Annotated[Path, typer.Option("--output", "-o", parser=local_path, help="the .html file to write")],
    root: Root = "data",
    scenes: Annotated[int, typer.Option(min=1, max=10_000, help="held-out animals that every method answers")] = 30,
    also: Annotated[list[str] | None, typer.Option(metavar="RUN", help="another release, too; may be repeated")] = None,
) -> None:
    """Every method with a release on the same animals: what each gives, numbers, seconds, memory, pictures."""
    with announce("asking every method about the same animals"):
        from flows.compare import pin_methods
        from storage.store import bundles, layout
        from tasks.contrast import ComparisonConfig, compare_methods
        from tasks.inference.answer_files import check_suffix, check_writable
        from tasks.reports.methods_page import PAGE

        check_suffix(output, (".html",))
        check_writable(output)
        with pin_methods(category, root, also or ()) as (models, crops, truth):
            compare_methods.fn(models, crops, truth, ComparisonConfig(scenes=scenes))
            data = bundles.read(layout.comparison(crops.root, category), PAGE)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(data)
    console.print(f"{output}  {', '.join(models)}; {len(data) / 1e6:.1f} MB; open it in a browser")


def _user_name() -> str:
    """That of the system, or its number where there is none, as often in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _dated_report(release: "Release") -> "Report":
    from storage.runs.lineage import committed_at
    from tasks.reports.release_page import report_of_release

    report = report_of_release(release)
    return replace(report, lineage={"committed": committed_at(release.ref), **report.lineage})


def _find_release(name: str, root: str) -> "Release":
    """The release of this name. Raises ValueError if there is none, with those that there are."""
    from flows.plan.checks import check_name
    from storage.runs.releases import published_releases, select_release
    from storage.store.layout import Store

    check_name(name, root)
    release, category = select_release(Store(root), name), name.partition("/")[0]
    if release is None:
        names = ", ".join(release.name for release in published_releases(Store(root), category))
        choices = f"choose one of {names}" if names else f"make one with `farm3d run {category}`"
        raise ValueError(f"{name}: {root} has no such release; {choices}")
    return release
