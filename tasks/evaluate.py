"""Numbers: trained animals beside trivial answers, on animals whose every truth is known and on generated photos."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.methods.magicpony.refine import Refined
from models.metrics import EvaluationConfig, Reconstructor
from models.metrics import evaluate as measured
from models.metrics.baselines import baselines
from models.truth.examples import Example, split
from models.truth.held_out import HeldOutConfig, held_out, training_shapes
from storage.runs.scores import Score, decode_scores, encode_scores
from storage.store import bundles, layout
from storage.store.references import DatasetRef, ModelRef, Record, digest
from tasks.inference.loading import crop_recipe, reconstructor, validation
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, loaded, place
from tasks.runtime.recipes import CropRecipe

SHAPES = 24
"""Barnyard animals that the baselines average."""
ANIMALS, PHOTOS = "barnyard animals", "generated photos"
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
    truth: HeldOutConfig,
    config: EvaluationConfig,
    device: Device = "auto",
) -> ModelRef:
    """The first model beside the others and the baselines, on held-out barnyard animals and on generated photos.

    Writes a table of records for each of the two next to the first model; they are there already if nothing changed.
    """
    model, protocol = models[0], digest([list(models), crops, truth, config])
    folder = layout.evaluation(model)
    done = bundles.read_about(folder, EvaluationAbout) if bundles.committed(folder) else None
    if not (done and done.protocol == protocol):
        with place(device) as where:
            tables = _tables(models, crops, truth, config, where)
        contents = {f"{_file(name)}.json": encode_scores(table) for name, table in tables.items()}
        bundles.commit(folder, contents, EvaluationAbout(protocol=protocol))
    for name, table in read(model).items():
        rows = [score.model_dump() for score in table]
        artifacts.table(f"scores-{model.category}-{_file(name)}", rows, f"{model.run} on {name}")
    return model


def read(model: ModelRef) -> dict[str, list[Score]]:
    """The tables of a measured model by what it was measured on."""
    folder = layout.evaluation(model)
    found = {name: f"{_file(name)}.json" for name in (ANIMALS, PHOTOS)}
    return {
        name: decode_scores(bundles.read(folder, file), layout.member(folder, file)) for name, file in found.items()
    }


def _tables(
    models: Sequence[ModelRef], crops: DatasetRef, truth: HeldOutConfig, config: EvaluationConfig, where: str
) -> dict[str, list[Score]]:
    category, first = models[0].category, models[0].run
    trained = {model.run: reconstructor(model, where) for model in models}
    renderer = trained[first].renderer
    methods: dict[str, Reconstructor] = {**trained, **baselines(training_shapes(category, SHAPES), renderer)}
    photos = validation(crops, truth.size, truth.scenes)
    numbers = torch.arange(len(photos))
    generated = split(photos.batch(numbers), [f"photo-{number}" for number in numbers.tolist()])
    # Of a generated photo nothing is known but the mask itself, which it would be fitted to.
    fitted = {f"{first} {REFINED}": Refined(trained[first].animal, renderer)}
    recipe = crop_recipe(crops)
    animals = [_segmented(each, recipe, where) for each in held_out(category, truth)]
    measurements = {
        ANIMALS: measured({**methods, **fitted}, animals, config),
        PHOTOS: measured(methods, generated, config),
    }
    return {name: [Score.model_validate(row) for row in found.table()] for name, found in measurements.items()}


def _segmented(example: Example, recipe: CropRecipe, where: str) -> Example:
    """With the mask that the data set's segmenter finds; an empty one where it finds none."""
    image = (example.crop.image * 255).round().byte().numpy()
    (instances,) = loaded(recipe.segmenter, where).segment(image, recipe.segment_as)
    mask = torch.from_numpy(instances[0].mask)[None] if instances else torch.zeros_like(example.crop.mask)
    return replace(example, found=mask.float())


def _file(name: str) -> str:
    return name.replace(" ", "-")
