"""Numbers: trained animals beside trivial answers, on animals whose every truth is known and on generated photos."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.metrics import EvaluationConfig, Reconstructor
from models.metrics import evaluate as measured
from models.metrics.baselines import baselines
from models.metrics.examples import Example, split
from models.metrics.held_out import HeldOutConfig, held_out, training_shapes
from storage import bundles, layout
from storage.records import DatasetRef, ModelRef, digest
from tasks import artifacts
from tasks.machine import Device, place
from tasks.trained import reconstructor, validation

SHAPES = 24
"""Barnyard animals that the baselines average."""
ANIMALS, PHOTOS = "barnyard animals", "generated photos"


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
    done = bundles.committed(layout.evaluation(model))
    if not (done and done.about["protocol"] == protocol):
        with place(device) as where:
            tables = _tables(models, crops, truth, config, where)
        contents = {f"{_file(name)}.json": json.dumps(table, indent=1).encode() for name, table in tables.items()}
        bundles.commit(layout.evaluation(model), contents, {"protocol": protocol})
    for name, table in read(model).items():
        artifacts.table(f"scores-{model.category}-{_file(name)}", table, f"{model.run} on {name}")
    return model


def read(model: ModelRef) -> dict[str, list[dict[str, Any]]]:
    """The tables of a measured model by what it was measured on."""
    folder = layout.evaluation(model)
    return {name: json.loads(bundles.read(folder, f"{_file(name)}.json")) for name in (ANIMALS, PHOTOS)}


def _tables(
    models: Sequence[ModelRef], crops: DatasetRef, truth: HeldOutConfig, config: EvaluationConfig, where: str
) -> dict[str, list[dict[str, Any]]]:
    category = models[0].category
    trained = {model.run: reconstructor(model, where) for model in models}
    renderer = trained[models[0].run].renderer
    methods: dict[str, Reconstructor] = {**trained, **baselines(training_shapes(category, SHAPES), renderer)}
    photos = validation(crops, truth.size, truth.scenes)
    numbers = torch.arange(len(photos))
    examples: Mapping[str, Sequence[Example]] = {
        ANIMALS: held_out(category, truth),
        PHOTOS: split(photos.batch(numbers), [f"photo-{number}" for number in numbers.tolist()]),
    }
    return {name: measured(methods, some, config).table() for name, some in examples.items()}


def _file(name: str) -> str:
    return name.replace(" ", "-")
