"""The command line of data sets: `farm3d dataset show cow`, ..."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.console import console
from flows.cli.paths import local_path
from storage.dataset import catalogue, export, pruning, shards, snapshots
from storage.store import files
from storage.store.errors import CorruptArtifact
from storage.store.layout import Store
from storage.store.references import DatasetRef
from tasks.reports.cards import dataset_page

app = typer.Typer(no_args_is_help=True, help="What was made and dropped, what changed, and is every byte there.")

Category = Annotated[str, typer.Argument(help="a name in flows/categories: cow, horse, sheep")]
Root = Annotated[str, typer.Option(help="folder or address of all data, as data or s3://bucket/farm3d")]
Folder = Annotated[Path, typer.Argument(parser=local_path, help="folder on this machine to write to")]
Number = Annotated[int | None, typer.Option("--snapshot", help="its number; the newest if not given")]
FEW = 5
"""Keys shown of a long list."""


@app.command("list")
def list_(root: Root = "data") -> None:
    """All snapshots of all categories."""
    store = Store(root)
    for category in files.names(store.root):
        for number in snapshots.numbers(store.root, category):
            ref = store.dataset(category, number)
            try:
                snapshot = snapshots.read(ref)
            except CorruptArtifact as error:
                console.print(str(error))
                continue
            derived = "".join(f", {_derivation(derivation)}" for derivation in catalogue.derivations(ref))
            counts = f"{snapshot.kept} of {snapshot.rows} photos kept"
            console.print(f"{category} {number}: {counts}, recipe {snapshot.digest}{derived}")


@app.command()
def show(category: Category, root: Root = "data", snapshot: Number = None) -> None:
    """One snapshot: how many pictures were made of what, why some were dropped, and what was derived of them."""
    ref = _ref(category, root, snapshot)
    contents, index = snapshots.read(ref), catalogue.rows(ref)
    counts = f"{contents.kept} of {contents.rows} photos kept in {len(contents.shards)} shards"
    console.print(f"{category}, snapshot {contents.id}: {counts}")
    for reason, count in catalogue.reasons(index).items():
        console.print(f"  dropped: {reason}  {count}")
    for key, twin in list(contents.duplicates.resembles.items())[:FEW]:
        console.print(f"    {key} resembles {twin}")
    for name in ("split", "view", "coat", "age", "action", "place"):
        if any(getattr(row, name) for row in index):
            console.print(f"  {name}: {_mix(index, name)}")
    for derivation in catalogue.derivations(ref):
        console.print(f"  {_derivation(derivation)}")
    for note in shards.quarantine_notes(ref.root, category):
        console.print(f"  in quarantine: {note.reason}")


@app.command()
def diff(category: Category, older: int, newer: int, root: Root = "data") -> None:
    """What changed from one snapshot to another: samples, verdicts, recipe."""
    difference = catalogue.difference(_ref(category, root, older), _ref(category, root, newer))
    for name in ("added", "removed", "changed"):
        rows = getattr(difference, name)
        keys = ", ".join(row.key for row in rows[:FEW]) + (", ..." if len(rows) > FEW else "")
        console.print(f"{name}: {len(rows)} samples, {sum(row.kept for row in rows)} of them kept  {keys}")
    for line in difference.recipe:
        console.print(f"recipe: {line}")


@app.command("export")
def export_(category: Category, folder: Folder, root: Root = "data", snapshot: Number = None) -> None:
    """The kept crops as plain files, a COCO file and a Hugging Face imagefolder."""
    counts = export.export(_ref(category, root, snapshot), str(folder))
    console.print(f"{folder}  " + ", ".join(f"{count} {split}" for split, count in counts.items()))


@app.command()
def card(category: Category, folder: Folder, root: Root = "data", snapshot: Number = None) -> None:
    """Write the card of a data set into a folder: counts, mix, licences, and sheets of what was kept and dropped."""
    for name, data in dataset_page(_ref(category, root, snapshot)).items():
        files.put(str(folder / name), data)
        console.print(str(folder / name))


@app.command()
def prune(category: Category, keep: int = 3, root: Root = "data", apply: bool = False) -> None:
    """What only old snapshots list that no flow, no run and no release needs; --apply deletes it."""
    answer = (pruning.prune if apply else pruning.plan_pruning)(Store(root).root, category, keep)
    for number, reasons in answer.needed.items():
        console.print(f"{category} {number} stays: {'; '.join(reasons)}")
    for waste in answer.waste:
        console.print(f"{waste.where}  {waste.size} bytes")
    done = "deleted" if apply else "could go; --apply deletes them"
    console.print(
        f"{category}: {len(answer.waste)} files, {sum(waste.size for waste in answer.waste) / 2**20:.1f} MiB {done}"
    )


def _ref(category: str, root: str, snapshot: int | None) -> DatasetRef:
    store = Store(root)
    numbers = snapshots.numbers(store.root, category)
    if not numbers:
        raise ValueError(f"{store.root}: there is no data set of {category!r}; make one with `farm3d run {category}`")
    return store.dataset(category, snapshot or numbers[-1])


def _derivation(derivation: catalogue.Derivation) -> str:
    """What was derived, by whom, and how much of it is there."""
    recipe = derivation.recipe
    columns = ", ".join(recipe.columns)
    done = f"{derivation.shards} of {derivation.wanted} shards"
    return f"derived: {columns} by {recipe.method} {recipe.model[:16]} ({done})"


def _mix(index: list[catalogue.SampleRow], name: str) -> str:
    """Shares of the kept samples by one of their words."""
    kept = [getattr(row, name) for row in index if row.kept]
    counts = {word: kept.count(word) for word in dict.fromkeys(kept)}
    return ", ".join(f"{word} {round(100 * count / len(kept))} %" for word, count in sorted(counts.items()))
