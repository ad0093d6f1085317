"""What is said in words of a release: where its data and its model come from, and on what terms."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from models.core.category import Words
from models.core.weights import licence
from models.data.prompts import target_shares
from models.metrics import COPY, RELIGHTING
from models.segmenters import TransformersConfig
from storage.dataset import catalogue, snapshots
from storage.dataset.records import SampleRow, Snapshot
from storage.formats.markdown import code_span, escape_markdown
from storage.formats.pictures import jpeg
from storage.runs.scores import START, Score
from storage.store.references import DatasetRef, ModelRef
from tasks.inference.loading import parse_recipe
from tasks.reports.sheets import sheets
from tasks.runtime.recipes import CropRecipe, DuplicateRecipe, ModelRecipe, Photographs, PhotoRecipe

SHEETS = {"kept": "kept.jpg", "dropped": "dropped.jpg"}
"""Contact sheets beside the card."""


def dataset_page(ref: DatasetRef) -> dict[str, bytes]:
    """The card of a data set and its contact sheets, by file name."""
    index = catalogue.rows_with_shard(ref)
    pictures = {
        SHEETS[name]: sheet for name, sheet in zip(SHEETS, sheets(ref, index), strict=True) if sheet is not None
    }
    snapshot = snapshots.read(ref)
    card = front_matter("", ref.category, "synthetic") + dataset_card(
        snapshot, [row for _, row in index], pictures.keys()
    )
    return {"DATASET_CARD.md": card.encode(), **{name: jpeg(each) for name, each in pictures.items()}}


def front_matter(license: str, *tags: str) -> str:
    """What a model hub reads at the head of a card: the licence, `other` where it is no short name, and tags."""
    known = license.lower() if re.fullmatch(r"[\w.+-]+", license, re.ASCII) else "other"
    lines = [f"license: {known}"] if license else []
    words = json.dumps(["image-to-3d", "farm3d", *tags])
    return "\n".join(("---", *lines, f"tags: {words}", "---", "", ""))


def dataset_card(snapshot: Snapshot, rows: Sequence[SampleRow], pictures: Collection[str] = ()) -> str:
    """How the pictures were made and chosen, how many of each kind there are, and on what terms.

    Raises CorruptArtifact if another version wrote the recipe of the snapshot.
    """
    recipe = parse_recipe(CropRecipe, snapshot.config, f"snapshot {snapshot.id} of {snapshot.category}")
    photos = recipe.photos
    things = "files" if isinstance(photos.generator, Photographs) else "photos"
    dropped = [
        (escape_markdown(reason), str(count), _share(count, snapshot.rows))
        for reason, count in sorted(snapshot.reasons.items())
    ]
    parts = [
        f"# Data set of {snapshot.category}, snapshot {snapshot.id}",
        f"{snapshot.kept} crops of {recipe.size} px, kept of {snapshot.rows} {things}.{_origin(photos)}",
        _made(snapshot, recipe),
        _table(("dropped because", things, "of all"), dropped or [("none", "0", "")]),
    ]
    if not isinstance(photos.generator, Photographs):
        parts += ["## Mix of the prompts", _table(("word", "wanted", "drawn", "kept"), _mix(photos.words, rows))]
    parts += [f"## {name.capitalize()}\n\n![{name}]({file})" for name, file in SHEETS.items() if file in pictures]
    return "\n\n".join(parts) + "\n"


def _origin(photos: PhotoRecipe) -> str:
    return "" if isinstance(photos.generator, Photographs) else " No photo was taken, collected or labelled."


def _made(snapshot: Snapshot, recipe: CropRecipe) -> str:
    """What made it, the terms, and the line back to where it comes from."""
    segmenter = recipe.segmenter
    model = segmenter.model if isinstance(segmenter, TransformersConfig) else segmenter.weights
    parent = f"adds to snapshot {snapshot.parent}" if snapshot.parent else "has no parent"
    lines = (
        *_source(recipe.photos),
        f"Masks: {segmenter.kind} (weights {recipe.weights_digest}), "
        f"classes {escape_markdown(', '.join(recipe.segment_as))}",
        f"Licence of the segmenter's weights: {escape_markdown(licence(model))}",
        f"Near-duplicates: {_compared(snapshot.duplicates.config)}",
        f"Lineage: snapshot {snapshot.id} {parent}; {len(snapshot.shards)} shards of recipe {snapshot.digest}, "
        f"cut out of photos of recipe {snapshot.photos_digest}; every picture: farm3d lineage FILE --pictures",
    )
    return "\n".join(f"- {line}" for line in lines)


def _source(photos: PhotoRecipe) -> tuple[str, str, str]:
    source = photos.generator
    if isinstance(source, Photographs):
        return (
            f"Photos: a folder of somebody's own, brought to {source.size} px",
            f"Digest of its files: {photos.weights_digest}",
            f"Licence of the photos: {escape_markdown(source.license)}",
        )
    sampling = source.sampling
    how = f", {escape_markdown(sampling.settings)}" if sampling.settings else ""
    return (
        f"Generator: {code_span(sampling.model)}{how}",
        f"Its weights: {photos.weights_digest}",
        f"Licence of the generator's weights: {escape_markdown(licence(sampling.model))}",
    )


def _compared(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return "not looked for"
    found = DuplicateRecipe.model_validate(recipe)
    alike = f"at most {found.rules.bits} of 64 bits of their hashes and {found.rules.distance} between their features"
    return f"{alike} ({code_span(found.features.model)}, weights {found.weights_digest})"


def _mix(words: Words, rows: Sequence[SampleRow]) -> Iterator[tuple[str, ...]]:
    """Shares of the prompts, of the photos drawn and of the crops kept, for every word of a kind that has several."""
    kept = [row for row in rows if row.kept]
    for kind, shares in target_shares(words).items():
        for word, share in shares.items() if len(shares) > 1 else ():
            drawn, left = ([getattr(row, kind) for row in some].count(word) for some in (rows, kept))
            yield (
                f"{kind}: {escape_markdown(word) or 'none'}",
                f"{share:.1%}",
                _share(drawn, len(rows)),
                _share(left, len(kept)),
            )


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def own_scores(model: ModelRef, scores: Sequence[Score]) -> list[Score]:
    """The scores of the model itself, without those of the baselines and of other models."""
    return [score for score in scores if score.method == model.run]


def parts_of(recipe: ModelRecipe) -> dict[str, str]:
    """What a training started from, and its frozen parts: where each comes from, and the digest of its weights."""
    labels = {"warm_start": "started from"}
    words: dict[str, str] = {}
    for name, part in sorted(recipe.method.parts.items(), key=lambda item: item[0] not in labels):
        digest = recipe.weights_digests[name][:16]
        words[labels.get(name, name.replace("_", " "))] = f"{part.model} ({digest})" if digest else "random weights"
    return words


def relighting_in_words(scores: Sequence[Score], run: str) -> str:
    """How far relit answers are from the truth, beside the photos as they are; empty where it was not measured."""
    errors = {score.method: score.mean for score in scores if score.metric == RELIGHTING}
    if run not in errors or COPY not in errors:
        return ""
    verdict = "better" if errors[run] < errors[COPY] else "no better"
    return f"Relightable, with an error of {errors[run]:.3f}; {verdict} than the photo as it is, {errors[COPY]:.3f}.\n"


def stages_in_words(recipe: ModelRecipe) -> str:
    """The trainings in their order, each with its steps."""
    stages = recipe.method.stages()
    counts = (f"{stage.steps} steps" if stage.steps else "one step a crop" for stage in stages)
    return "; ".join(f"{stage.name}, {count}" for stage, count in zip(stages, counts, strict=True)) or "none"


def lessons_in_words(recipe: ModelRecipe, snapshot: Snapshot) -> str:
    """What the stages of a method saw; the data set beside it is then what its answers are shown and measured on."""
    if not recipe.method.stages():
        return "nothing; it is fitted to each photo"
    return f"{snapshot.kept} pictures" if recipe.method.needs.crops else "animals whose surface is known"


def model_card(model: ModelRef, recipe: ModelRecipe, snapshot: Snapshot, scores: Sequence[Score], protocol: str) -> str:
    """What the model is, what it learned from, and how well it does on what `protocol` says, beside its start."""
    beside = {(score.metric, score.method): f"{score.mean:.4g}" for score in scores}
    rows = [
        (s.metric, f"{s.mean:.4g} {s.unit}", *(beside.get((s.metric, who), "") for who in (START, COPY)), s.protocol)
        for s in own_scores(model, scores)
    ]
    table = _table(
        ("metric", "value", START, COPY, "protocol"), [[escape_markdown(cell) for cell in row] for row in rows]
    )
    parts = "\n".join(f"- {name.capitalize()}: {escape_markdown(part)}" for name, part in parts_of(recipe).items())
    return f"""# {model.category}, run {model.run}

A model of one kind of animal: one photo to a 3D animal.

- Method: {recipe.method.kind}
- Training stages: {stages_in_words(recipe)}
- Learned from: {lessons_in_words(recipe, snapshot)}
- Data: snapshot {snapshot.id} ({snapshot.kept} crops, recipe {snapshot.digest})
{parts}
- Licence of the asset: {escape_markdown(recipe.category.license)}; those of the parts hold for their weights

{escape_markdown(protocol[:1].upper() + protocol[1:])}:

{table}

{relighting_in_words(scores, model.run)}
Not for: measuring real animals, or telling individuals apart.

In Python, where farm3d is installed and this release lies under its data:

```python
import farm3d

farm3d.load({json.dumps(f"{model.category}/{model.run}")}).reconstruct("photo.jpg").export("animal.glb")
```

Cite farm3d by its CITATION.cff, and the paper of the method, which docs/methods/README.md names.
"""
