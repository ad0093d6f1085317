"""The command line of data sets: `farm3d dataset show cow`, ..."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.console import announce, console, error_console, print_json
from flows.cli.options import Category, Json, OutputFolder, Root, example

if TYPE_CHECKING:
    from storage.dataset.catalogue import Derivation, SampleRow
    from storage.store.references import DatasetRef

app = typer.Typer(
    no_args_is_help=True,
    help="What was made and dropped, what changed, and is every byte there.",
    epilog=example("farm3d dataset show cow", "farm3d dataset diff cow 1 2"),
)

Number = Annotated[int | None, typer.Option("--snapshot", min=1, help="its number; the newest if not given")]
FEW = 5
"""Keys shown of a long list."""


@app.command("list", epilog=example("farm3d dataset list"))
def list_(root: Root = "data", json: Json = False) -> None:
    """All snapshots of all categories."""
    from storage.dataset import catalogue, snapshots
    from storage.store.errors import CorruptArtifact
    from storage.store.layout import Store

    store, documents = Store(root), list[dict[str, Any]]()
    for category in store.categories():
        for number in snapshots.numbers(store.root, category):
            ref = store.dataset(category, number)
            document: dict[str, Any] = {"category": category, "snapshot": number}
            try:
                snapshot = snapshots.read(ref)
            except CorruptArtifact as error:
                documents.append({**document, "error": str(error)})
                continue
            counts = {"kept": snapshot.kept, "photos": snapshot.rows, "recipe": snapshot.digest}
            derived = [_derivation(derivation) for derivation in catalogue.derivations(ref)]
            documents.append({**document, **counts, "derived": derived})
    if json:
        return print_json(documents)
    if not documents:
        error_console.print(f"{store.root}: no data set is there yet; `farm3d run cow` makes one")
    for document in documents:
        console.print(document.get("error") or _snapshot_line(**document))
    return None


def _snapshot_line(category: str, snapshot: int, kept: int, photos: int, recipe: str, derived: list[str]) -> str:
    lacking = "".join(f", {derivation}" for derivation in derived)
    return f"{category} {snapshot}: {kept} of {photos} photos kept, recipe {recipe}{lacking}"


@app.command(epilog=example("farm3d dataset show cow", "farm3d dataset show cow --snapshot 2 --json"))
def show(category: Category, root: Root = "data", snapshot: Number = None, json: Json = False) -> None:
    """One snapshot: how many pictures were made of what, why some were dropped, and what was derived of them."""
    from storage.dataset import catalogue, shards, snapshots

    ref = _ref(category, root, snapshot)
    contents, index = snapshots.read(ref), catalogue.rows(ref)
    dropped, resembling = catalogue.reasons(index), contents.duplicates.resembles
    mixes = {
        name: _count_kept(index, name)
        for name in ("split", "view", "coat", "age", "action", "place")
        if any(getattr(row, name) for row in index)
    }
    derived = [_derivation(derivation) for derivation in catalogue.derivations(ref)]
    quarantine = [note.reason for note in shards.quarantine_notes(ref.root, category)]
    if json:
        counts = {"kept": contents.kept, "photos": contents.rows, "shards": len(contents.shards), "dropped": dropped}
        lists = {"resembling": resembling, "kept_by": mixes, "derived": derived, "quarantine": quarantine}
        return print_json({"category": category, "snapshot": contents.id, **counts, **lists})
    counts = f"{contents.kept} of {contents.rows} photos kept in {len(contents.shards)} shards"
    console.print(f"{category}, snapshot {contents.id}: {counts}")
    for reason, count in dropped.items():
        console.print(f"  dropped: {reason}  {count}")
    for key, twin in list(resembling.items())[:FEW]:
        console.print(f"    {key} resembles {twin}")
    for name, mix in mixes.items():
        console.print(f"  {name}: {_shares(mix)}")
    for derivation in derived:
        console.print(f"  {derivation}")
    for reason in quarantine:
        console.print(f"  in quarantine: {reason}")
    return None


@app.command(epilog=example("farm3d dataset diff cow 1 2"))
def diff(
    category: Category,
    older: Annotated[int, typer.Argument(help="number of a snapshot")],
    newer: Annotated[int, typer.Argument(help="number of a later one")],
    root: Root = "data",
    json: Json = False,
) -> None:
    """What changed from one snapshot to another: samples, verdicts, recipe."""
    from storage.dataset import catalogue

    difference = catalogue.difference(_ref(category, root, older), _ref(category, root, newer))
    changes = {name: getattr(difference, name) for name in ("added", "removed", "changed")}
    if json:
        samples = {name: [{"key": row.key, "kept": row.kept} for row in rows] for name, rows in changes.items()}
        return print_json({"category": category, **samples, "recipe": list(difference.recipe)})
    for name, rows in changes.items():
        keys = ", ".join(row.key for row in rows[:FEW]) + (", ..." if len(rows) > FEW else "")
        console.print(f"{name}: {len(rows)} samples, {sum(row.kept for row in rows)} of them kept  {keys}".rstrip())
    for line in difference.recipe:
        console.print(f"recipe: {line}")
    return None


@app.command("export", epilog=example("farm3d dataset export cow cow-photos"))
def export_(category: Category, folder: OutputFolder, root: Root = "data", snapshot: Number = None) -> None:
    """The kept crops as plain files, a COCO file and a Hugging Face imagefolder."""
    with announce("copying the crops"):
        from storage.dataset import export

        counts = export.export(_ref(category, root, snapshot), str(folder))
    console.print(f"{folder}  " + ", ".join(f"{count} {split}" for split, count in counts.items()))


@app.command(epilog=example("farm3d dataset card cow card"))
def card(category: Category, folder: OutputFolder, root: Root = "data", snapshot: Number = None) -> None:
    """Write the card of a data set into a folder: counts, mix, licences, and sheets of what was kept and dropped."""
    with announce("counting the pictures"):
        from storage.store import files
        from tasks.reports.cards import dataset_page

        page = dataset_page(_ref(category, root, snapshot))
        for name, data in page.items():
            files.put(str(folder / name), data)
    for name in page:
        console.print(str(folder / name))


@app.command(epilog=example("farm3d dataset prune cow", "farm3d dataset prune cow --keep 1 --apply"))
def prune(
    category: Category,
    keep: Annotated[int, typer.Option(help="newest snapshots that stay whatever needs them")] = 3,
    root: Root = "data",
    apply: Annotated[bool, typer.Option("--apply", help="delete, instead of listing what could go")] = False,
    json: Json = False,
) -> None:
    """What only old snapshots list that no flow, no run and no release needs; --apply deletes it."""
    from storage.dataset import pruning
    from storage.store.layout import Store

    _ref(category, root, None)
    answer = (pruning.prune if apply else pruning.plan_pruning)(Store(root).root, category, keep)
    if json:
        waste = [{"file": waste.where, "bytes": waste.size} for waste in answer.waste]
        needed = {number: list(reasons) for number, reasons in answer.needed.items()}
        return print_json({"category": category, "needed": needed, "waste": waste, "deleted": apply})
    for number, reasons in answer.needed.items():
        console.print(f"{category} {number} stays: {'; '.join(reasons)}")
    for waste in answer.waste:
        console.print(f"{waste.where}  {waste.size} bytes")
    done = "deleted" if apply else "could go; --apply deletes them"
    console.print(
        f"{category}: {len(answer.waste)} files, {sum(waste.size for waste in answer.waste) / 2**20:.1f} MiB {done}"
    )
    return None


def _ref(category: str, root: str, snapshot: int | None) -> "DatasetRef":
    from storage.dataset import snapshots
    from storage.store.layout import Store

    store = Store(root)
    numbers = snapshots.numbers(store.root, category)
    if not numbers:
        raise ValueError(f"{store.root}: there is no data set of {category!r}; make one with `farm3d run {category}`")
    return store.dataset(category, numbers[-1] if snapshot is None else snapshot)


def _derivation(derivation: "Derivation") -> str:
    """What was derived, by whom, and how much of it is there."""
    recipe = derivation.recipe
    columns = ", ".join(recipe.columns)
    done = f"{derivation.shards} of {derivation.wanted} shards"
    return f"derived: {columns} by {recipe.method} {recipe.model[:16]} ({done})"


def _count_kept(index: "list[SampleRow]", name: str) -> dict[str, int]:
    """Kept samples by one of their words."""
    kept = [getattr(row, name) for row in index if row.kept]
    return {word: kept.count(word) for word in sorted(set(kept))}


def _shares(mix: dict[str, int]) -> str:
    return ", ".join(f"{word} {round(100 * count / sum(mix.values()))} %" for word, count in mix.items())
