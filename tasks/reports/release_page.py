"""What report.html shows of a release, and of two releases side by side."""

from collections.abc import Mapping

from models.data.prompts import requests
from models.segmenters import TransformersConfig
from storage.dataset import snapshots
from storage.dataset.records import Snapshot
from storage.formats.report import Picture, Report
from storage.runs.metrics_log import read_metrics
from storage.runs.releases import Release
from storage.runs.revision import code
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.references import DatasetRef, ModelRef
from tasks.evaluate import measured_on, read
from tasks.inference.loading import parse_recipe, recipe_of
from tasks.reports.cards import SHEETS, lessons_in_words, parts_of, relighting_in_words, stages_in_words
from tasks.runtime.recipes import CropRecipe, ModelRecipe, Photographs

FILMS = {"turntable": "once round the animal", "walk": "the animal walks", "relit": "a lamp goes round the animal"}
STRIP = "strip.jpg"
CASES = "cases.jpg"
CASES_CAPTION = "photos that it did not learn from: the best predicted, the middle one and the two worst, by mask IoU"
SHEET_CAPTIONS = {"kept": "kept: view and coat that the prompt asked for", "dropped": "dropped: the reason"}


def report_of_release(release: Release) -> Report:
    """The page of a release from its files.

    Raises MissingArtifact or CorruptArtifact if its model, its snapshot or a file is not what was committed.
    """
    store, ref, folder = Store(release.ref.root), release.ref, layout.release(release.ref)
    bundle = bundles.find_committed(folder)
    shown = [name for name in (bundle.files if bundle else ()) if _is_shown(name)]
    contents = {name: bundles.read(folder, name) for name in shown}
    crops = store.dataset(ref.category, release.about.snapshot)
    return report_of(store.model(ref.category, ref.run), crops, contents, release.about.code)


def report_of(model: ModelRef, crops: DatasetRef, contents: Mapping[str, bytes], revision: str = "") -> Report:
    """The page of a measured model whose release has these files; `revision` is the code's that made them."""
    recipe, snapshot = recipe_of(model), snapshots.read(crops)
    table, scores = next(iter(read(model).items()))
    films = {name: contents[f"{name}.webp"] for name in FILMS if f"{name}.webp" in contents}
    protocol = measured_on(model, table)
    return Report(
        title=f"{model.category}, run {model.run}",
        summary=f"{_summary(recipe, snapshot)} One photo of such an animal becomes "
        f"{'a rigged one' if 'walk' in films else 'one'} in 3D. {relighting_in_words(scores, model.run)}",
        films=[Picture(FILMS[name], data, "webp", f"film: {FILMS[name]}") for name, data in films.items()],
        strip=Picture(
            "photo, reconstruction, shape, other views",
            contents[STRIP],
            "jpeg",
            "rows of pictures: each a photo, its reconstruction, the bare shape, and the animal from other sides",
        )
        if contents.get(STRIP)
        else None,
        cases=Picture(CASES_CAPTION, contents[CASES], "jpeg", f"rows of pictures, {CASES_CAPTION}")
        if CASES in contents
        else None,
        measured=f"{protocol[:1].upper()}{protocol[1:]}; category {model.category}.",
        table=scores,
        curves=curves_of(model),
        sheets=[
            Picture(SHEET_CAPTIONS[name], contents[file], "jpeg", f"small pictures, {SHEET_CAPTIONS[name]}")
            for name, file in SHEETS.items()
            if file in contents
        ],
        kept=snapshot.kept,
        dropped=snapshot.reasons,
        models={name.removesuffix(".glb"): data for name, data in contents.items() if name.endswith(".glb")},
        lineage={"run": model.run} | _origin(recipe, snapshot, revision or code()),
    )


def _summary(recipe: ModelRecipe, snapshot: Snapshot) -> str:
    """What made the model, and of what."""
    steps = sum(stage.steps for stage in recipe.method.stages())
    start = parts_of(recipe).get("started from", "nothing")
    how = f" in {steps} steps, started from {start}" if steps else ""
    lessons = lessons_in_words(recipe, snapshot)
    return f"A 3D model of one kind of animal, by {recipe.method.kind}, learned from {lessons}{how}."


def curves_of(model: ModelRef) -> dict[str, list[tuple[float, float]]]:
    """The losses of every stage over its steps; of several stages their names stand before the losses'."""
    stages = recipe_of(model).method.stages()
    curves: dict[str, list[tuple[float, float]]] = {}
    for stage in stages:
        lines = read_metrics(model, stage.name)
        for name in ("loss", *stage.shown):
            label = name if len(stages) == 1 else f"{stage.name} {name}"
            curves[label] = [(line["step"], line[name]) for line in lines if name in line]
    return curves


def _is_shown(name: str) -> bool:
    """Whether a file of a release is in its page."""
    return "/" not in name and (name.endswith((".glb", ".webp")) or name in (STRIP, CASES, *SHEETS.values()))


def _origin(recipe: ModelRecipe, snapshot: Snapshot, revision: str) -> dict[str, str]:
    """Everything that went into the run, from the prompts on."""
    return {
        "code": revision,
        "method": recipe.method.kind,
        "training stages": stages_in_words(recipe),
        "snapshot": f"{snapshot.category} {snapshot.id}, recipe {snapshot.digest}",
        **_pictures(parse_recipe(CropRecipe, snapshot.config, f"snapshot {snapshot.id} of {snapshot.category}")),
        **parts_of(recipe),
        "renderer": recipe.renderer.kind,
        "licence of the asset": recipe.category.license,
    }


def _pictures(recipe: CropRecipe) -> dict[str, str]:
    photos, segmenter = recipe.photos, recipe.segmenter
    finder = segmenter.model if isinstance(segmenter, TransformersConfig) else segmenter.weights
    cut = {"masks": f"{segmenter.kind}, {finder}; classes {', '.join(recipe.segment_as)}", "crops": f"{recipe.size} px"}
    if isinstance(photos.generator, Photographs):
        return {"pictures": f"a folder of somebody's own, digest {photos.weights_digest}"} | cut
    sampling, prompts = photos.generator.sampling, [request.prompt for request in requests(photos.words, 0, 3)]
    return {
        "first prompts": "; ".join(prompts),
        "pictures": ", ".join(filter(None, (sampling.model, sampling.settings))),
    } | cut
