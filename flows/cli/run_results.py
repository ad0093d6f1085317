"""What a run ends with: what was made, how good it is, where it lies, what to type next."""

from typing import Any

from rich.table import Table

from flows.cli.console import console, printable
from flows.cli.paths import shown_command, shown_path
from flows.cli.run_progress import RunProgress
from flows.plan.plan import Plan
from models.engine.progress import duration
from storage.runs.scores import START, Score
from storage.store import bundles, layout
from storage.store.errors import StorageError
from tasks.evaluate import measured_on, read

TELLING = ("mask IoU", "azimuth within 30 degrees", "novel view PSNR", "azimuth quadrant", "boundary F")
"""The numbers that matter most, all the better the higher; the first three that were measured are shown."""
BASELINES = {START: "its start", "mean mesh": "mean mesh", "unit sphere": "unit sphere"}
SHOWN_BASELINES = 2


def collect_results(plan: Plan, progress: RunProgress, ui: str) -> dict[str, Any]:
    """All of it as plain values."""
    category, run = plan.category.name, progress.training_run
    stages = {stage.name: {"state": stage.state, "done": stage.done, "note": stage.note} for stage in progress.stages}
    document: dict[str, Any] = {
        "category": category,
        "method": plan.method.kind,
        "scale": plan.scale,
        "state": progress.state,
        "message": progress.message,
        "seconds": round(progress.seconds, 1),
        "stages": stages,
        "ui": ui,
    }
    return {**document, **(_release(plan, run) if run and progress.is_done else {})}


def _release(plan: Plan, run: str) -> dict[str, Any]:
    folder = layout.release(plan.store.release(plan.category.name, run))
    bundle, model = bundles.find_committed(folder), plan.store.model(plan.category.name, run)
    files = {name: layout.member(folder, name) for name in sorted(bundle.files if bundle else ())}
    try:
        table, scores = next(iter(read(model).items()))
    except StorageError:
        table, scores = "", []
    return {
        "run": run,
        "release": folder,
        "report": files.get("report.html"),
        "animals": [file for name, file in files.items() if name.endswith(".glb")],
        "films": [file for name, file in files.items() if name.endswith(".webp")],
        "measured": measured_on(model, table) if table else "not measured",
        "numbers": tell_numbers(scores, run),
    }


def tell_numbers(scores: list[Score], run: str) -> list[dict[str, Any]]:
    """The three numbers that matter, each beside what a training has to beat."""
    means = {(score.metric, score.method): score.mean for score in scores}
    own = {score.metric: score for score in scores if score.method == run}
    chosen = [own[metric] for metric in TELLING if metric in own][:3]
    baselines = [name for name in BASELINES if any(score.method == name for score in scores)][:SHOWN_BASELINES]
    return [
        {"metric": score.metric, "unit": score.unit, "better": score.better, "this run": score.mean}
        | {BASELINES[name]: means[score.metric, name] for name in baselines if (score.metric, name) in means}
        for score in chosen
    ]


def print_results(document: dict[str, Any]) -> None:
    """The same for a person."""
    category, stages = document["category"], document["stages"]
    console.print(
        f"\n{category} is done in {duration(document['seconds'])}: {stages['crops']['done']:.0f} pictures kept."
    )
    if "release" not in document:
        return
    if document["numbers"]:
        console.print(f"\n{document['measured']}, higher is better:")
        console.print(_numbers(document["numbers"]))
    report, animals = document["report"], document["animals"]
    console.print(f"\nreport          {report and shown_path(report)}")
    console.print(f"rigged animals  {', '.join(map(shown_path, animals)) or 'none'}")
    command = shown_command()
    console.print("\nnext")
    console.print(f"  {command} reconstruct YOUR_PHOTO.jpg -o animal.glb --category {category}")
    console.print(f"  {command} turntable YOUR_PHOTO.jpg -o film.webp --category {category}")
    console.print(f"  {command} lineage {category}")


def _numbers(rows: list[dict[str, Any]]) -> Table:
    columns = [name for name in rows[0] if name not in ("metric", "unit", "better")]
    table = Table("", *map(printable, columns), box=None)
    for row in rows:
        values = (f"{row[name]:.3g}" if name in row else "" for name in columns)
        table.add_row(f"{row['metric']}, {row['unit']}", *values)
    return table
