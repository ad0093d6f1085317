"""Numbers: trained animals beside trivial answers, on examples whose truth is known and on generated photos.

A category without ground truth is measured on generated photos alone, and everything that shows its numbers says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.core.category import BarnyardTruth, FolderTruth, NoTruth, TruthConfig
from models.core.weights import contents
from models.data.framing import cut
from models.metrics import EvaluationConfig
from models.metrics import evaluate as measured
from models.metrics.baselines import baselines
from models.metrics.resolution import AtResolution
from models.rendering.reconstruction import Reconstructor, Refinable
from models.truth import TruthSource
from models.truth.examples import Example, split_batch
from models.truth.held_out import HeldOutAnimals, HeldOutConfig
from storage.dataset import samples
from storage.dataset.snapshots import read as read_snapshot
from storage.runs.scores import START, Score, by_metric, decode_scores, encode_scores
from storage.store import bundles, layout
from storage.store.locks import hold_lock
from storage.store.references import DatasetRef, ModelRef, Record, digest
from tasks.inference.loading import crop_recipe, recipe_of, reconstructor, setting, start, validation
from tasks.inference.user_evaluation import FolderPhotos
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, acquire_device, cached_model
from tasks.runtime.recipes import CropRecipe

SHAPES = 24
"""Animals that the baselines average."""
PHOTOS, SEEN_PHOTOS = "generated photos", "generated photos seen in training"
"""What a table on pictures of the data set is called; the second where no crop of it was held out."""
REFINED = "refined"
"""Fitted to the mask that the data set's segmenter finds in each photo."""


class EvaluationAbout(Record):
    """What the bundle of an evaluation is about."""

    protocol: str
    """Digest of everything that was measured, and how."""


@task(task_run_name="evaluate-{models[0].category}-{models[0].run}", cache_policy=NO_CACHE)
def evaluate(
    models: Sequence[ModelRef],
    crops: DatasetRef,
    truth: TruthConfig,
    held_out: HeldOutConfig,
    config: EvaluationConfig,
    device: Device = "auto",
) -> ModelRef:
    """The first model beside the others and the baselines, on what truth there is and on generated photos.

    Writes a table of records for each of the two next to the first model; they are there already if nothing changed.
    """
    model, folder = models[0], layout.evaluation(models[0])
    with hold_lock(folder):
        # No root: a data set that was moved or copied is not measured again.
        measured = [[each.run for each in models], read_snapshot(crops).contents]
        protocol = digest([*measured, truth, truth_digest(truth), held_out, config])
        if not _is_measured(folder, protocol):
            with acquire_device(device) as where:
                source = truth_source(truth, crops, held_out, where)
                tables = _tables(models, crops, source, held_out, config, where)
            contents = {f"{_file(name)}.json": encode_scores(table) for name, table in tables.items()}
            bundles.commit(folder, contents, EvaluationAbout(protocol=protocol))
    for name, table in read(model).items():
        about = f"{model.run}, {measured_on(model, name)}"
        artifacts.table(f"scores-{model.category}-{_file(name)}", by_metric(table), about)
    return model


def _is_measured(folder: str, protocol: str) -> bool:
    """Whether the tables of this protocol are there, byte by byte."""
    return bundles.find_intact(folder) is not None and bundles.read_about(folder, EvaluationAbout) == EvaluationAbout(
        protocol=protocol
    )


def read(model: ModelRef) -> dict[str, list[Score]]:
    """The tables of a measured model by what it was measured on; the one with ground truth, if any, is the first.

    Raises MissingArtifact if the model was not measured.
    """
    folder = layout.evaluation(model)
    bundle = bundles.find_committed(folder)
    without_truth = [f"{_file(name)}.json" for name in (PHOTOS, SEEN_PHOTOS)]
    files = bundle.files if bundle else without_truth[:1]
    return {
        file.removesuffix(".json").replace("-", " "): decode_scores(
            bundles.read(folder, file), layout.member(folder, file)
        )
        for file in sorted(files, key=lambda file: file in without_truth)
    }


def measured_on(model: ModelRef, name: str) -> str:
    """What a table was measured on, in words."""
    is_without = not read(model).keys() - {PHOTOS, SEEN_PHOTOS}
    lacking = f"; no ground truth for {model.category.replace('_', ' ')}" if is_without else ""
    return f"measured on {name}{lacking}"


def truth_source(truth: TruthConfig, crops: DatasetRef, held_out: HeldOutConfig, where: str) -> TruthSource | None:
    """The examples with truth of the category whose crops these are; None where it has no truth."""
    match truth:
        case BarnyardTruth():
            return HeldOutAnimals(crops.category, held_out)
        case FolderTruth():
            return FolderPhotos(Path(truth.folder), crop_recipe(crops), held_out.size, where)
        case NoTruth():
            return None


def truth_digest(truth: TruthConfig) -> str:
    """Digest of what lies in the folder that has the truth; empty where it is in none."""
    return contents(Path(truth.folder)) if isinstance(truth, FolderTruth) else ""


def _tables(
    models: Sequence[ModelRef],
    crops: DatasetRef,
    source: TruthSource | None,
    held_out: HeldOutConfig,
    config: EvaluationConfig,
    where: str,
) -> dict[str, list[Score]]:
    first = models[0].run
    recipe = recipe_of(models[0])
    loaded: dict[str, Reconstructor] = {model.run: reconstructor(model, where) for model in models}
    sizes = {model.run: recipe_of(model).method.resolution for model in models}
    shapes = source.training_shapes(SHAPES) if source else ()
    if recipe.method.stages():
        loaded[START], sizes[START] = start(recipe, where), recipe.method.resolution
    here = setting(recipe, where)
    methods: dict[str, Reconstructor] = {name: AtResolution(method, sizes[name]) for name, method in loaded.items()}
    methods |= baselines(shapes, here.renderer, here.device)
    generated = photo_examples(crops, held_out.size, held_out.scenes)
    tables = {name_photos(crops): score_methods(methods, generated, config)}
    if source is None:
        return tables
    examples = source.examples()
    if isinstance(source, HeldOutAnimals):
        # Elsewhere nothing may be known but the mask itself, which an answer would be fitted to.
        for name in (first, START):
            if isinstance(answering := loaded.get(name), Refinable):
                methods[f"{name} {REFINED}"] = AtResolution(answering.refined(), sizes[name])
        segmentation = crop_recipe(crops)
        examples = [show_found_mask(example, segmentation, where) for example in examples]
    return {source.name: score_methods(methods, examples, config), **tables}


def photo_examples(crops: DatasetRef, size: int, most: int) -> list[Example]:
    """Generated photos that training does not see, if any, with no truth but their masks and their view words."""
    photos = validation(crops, size, most)
    numbers = torch.arange(len(photos))
    return split_batch(photos.batch(numbers), [f"photo-{number}" for number in numbers.tolist()])


def name_photos(crops: DatasetRef) -> str:
    """What a table on `photo_examples` is called: below about twenty crops it may be that training sees them all."""
    return PHOTOS if len(samples.of_dataset(crops, "validation")) else SEEN_PHOTOS


def score_methods(
    methods: Mapping[str, Reconstructor], examples: Sequence[Example], config: EvaluationConfig
) -> list[Score]:
    """All metrics of all methods on the same examples, as they are stored."""
    return [Score.model_validate(row) for row in measured(methods, examples, config).table()]


def show_found_mask(example: Example, recipe: CropRecipe, where: str) -> Example:
    """With the mask that the data set's segmenter finds in the whole photo; an empty one where it finds none.

    Raises ValueError for an example whose photo is not known.
    """
    if example.source is None:
        raise ValueError(f"{example.key}: source is None; a segmenter looks at photos, and of this crop none is known")
    photo, box = example.source.photo, example.source.box
    (instances,) = cached_model(recipe.segmenter, where).segment(photo[None], recipe.segment_as)
    found = instances[0].mask if instances else np.zeros(photo.shape[:2], bool)
    mask = torch.from_numpy(cut(found, box, example.crop.mask.shape[-1]))
    return replace(example, input_mask=mask[None].float())


def _file(name: str) -> str:
    return name.replace(" ", "-")
