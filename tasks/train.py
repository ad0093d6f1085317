"""A trained animal: the category model fitted to its crops."""

import numpy as np
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.data.augmentation import augment_crops
from models.data.crops import Crops
from models.data.framing import Crop
from models.engine.loop import fit
from models.features.dense import add_feature_maps
from storage.dataset import samples as stored_samples
from storage.formats.pictures import png
from storage.runs import training_runs
from storage.runs.checkpoints import Checkpoints, weights_bytes
from storage.runs.metrics_log import MetricsLog
from storage.runs.revision import code
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, files, layout
from storage.store.locks import locked
from storage.store.references import DatasetRef, ModelRef
from tasks.inference.loading import framed
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, loaded, place, torch_device
from tasks.runtime.recipes import ModelRecipe

SHOWN = ("loss", "mask", "rgb", "features", "sds", "steps_per_second")
LINES = 12
"""Rows of the table of losses."""


@task(task_run_name="train-{model.category}-{model.run}", cache_policy=NO_CACHE)
def train(model: ModelRef, crops: DatasetRef, recipe: ModelRecipe, device: Device = "auto") -> ModelRef:
    """Fit the category model to its crops, continuing from the newest checkpoint; a finished run is reused.

    Call it directly, never `.submit()` it: only then does a cancelled run get its signal and save where it stands.
    Raises TrainingDiverged if a term became non-finite, MissingWeights if the teacher or the ViT has none.
    """
    with locked(layout.run(model)):
        if bundles.committed(layout.model(model)) is None:
            training_runs.start(model, crops, recipe)
            with place(device) as where:
                _fit(model, crops, recipe, where)
    _show(model)
    return model


def _fit(model: ModelRef, crops: DatasetRef, recipe: ModelRecipe, where: str) -> None:
    device = torch_device(where)
    torch.manual_seed(recipe.training.seed)
    animal = recipe.animal.build(recipe.category, loaded(recipe.features, where)).to(device)
    recipe.warm_start.load(animal)
    teacher = loaded(recipe.teacher, where) if recipe.method.needs_teacher else None
    samples, seen = _described(crops, recipe, where)
    summary = fit(
        animal,
        recipe.method.build(recipe.category, teacher),
        recipe.training,
        Crops(samples, recipe.training.size, device, seen),
        recipe.renderer.build(device),
        Checkpoints(layout.checkpoints(model)),
        _Report(model, recipe.training.steps),
        recipe.warm_start.begin,
    )
    weights = weights_bytes(animal.state_dict(), {"category": model.category, "run": model.run})
    contents = {"animal.safetensors": weights, "recipe.json": recipe.model_dump_json(indent=1).encode()}
    about = ModelAbout(
        snapshot=crops.snapshot, code=code(), steps=summary.steps, skipped=summary.skipped, values=summary.values
    )
    bundles.commit(layout.model(model), contents, about)


def _described(crops: DatasetRef, recipe: ModelRecipe, where: str) -> tuple[list[Crop], list[np.ndarray]]:
    """The training crops with their feature maps, and what the encoder sees of them.

    The directions of the maps depend on the data set or on the warm start, so no shard holds them.
    """
    stored, animal = [framed(sample) for sample in stored_samples.of_dataset(crops, "train")], recipe.animal
    vit = loaded(recipe.features, where)
    shown = augment_crops(stored, recipe.training.augmentation, recipe.training.seed)
    pca = recipe.warm_start.pca()
    return add_feature_maps(shown.samples, vit, animal.encoder.image, animal.prior.channels, pca)[0], shown.seen


class _Report:
    """Writes the numbers and the panels of a run down, and moves its bar."""

    def __init__(self, model: ModelRef, steps: int) -> None:
        self.model, self.journal = model, MetricsLog(layout.metrics(model))
        self.bar = artifacts.Progress(steps, f"training of {model.category}")

    def __call__(self, step: int, values: dict[str, float], panel: np.ndarray | None) -> None:
        self.journal.add(step, values)
        if panel is not None:
            files.put(layout.panel(self.model, step), png(panel))
            artifacts.page(f"panel-{self.model.category}", f"Step {step}\n\n{artifacts.inline(panel)}")
        self.bar.at(step)


def _show(model: ModelRef) -> None:
    """The table of losses, evenly thinned."""
    lines = MetricsLog(layout.metrics(model)).lines
    chosen = [lines[round(at)] for at in np.linspace(0, len(lines) - 1, min(LINES, len(lines)))]
    rows = [{name: round(line[name], 4) for name in ("step", *SHOWN) if name in line} for line in chosen]
    artifacts.table(f"losses-{model.category}", rows, f"losses of run {model.run}")
