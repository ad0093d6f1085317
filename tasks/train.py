"""Trainings of a method: each stage fitted to the crops, then the finished model."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from models.data.columns import COLUMNS, Content, DerivedColumn, PseudoTruth
from models.engine.loop import Panel, Summary, no_report
from models.methods.base import ReadColumn, Stage, StageContext
from storage.dataset import samples
from storage.formats.pictures import png
from storage.runs import training_runs
from storage.runs.checkpoints import Checkpoints, weights_bytes
from storage.runs.metrics_log import MetricsLog, read_metrics
from storage.runs.revision import code
from storage.runs.training_runs import ModelAbout, StageAbout
from storage.store import bundles, files, layout
from storage.store.locks import hold_lock
from storage.store.references import DatasetRef, DerivedRef, ModelRef
from tasks.inference.loading import framed, require_stages, stage_artifacts, training_setting
from tasks.runtime import artifacts
from tasks.runtime.devices import Device, acquire_devices, configure_process
from tasks.runtime.peers import train_together
from tasks.runtime.pseudo_truth import read_column
from tasks.runtime.recipes import ModelRecipe

LINES = 12
"""Rows of the table of losses."""


@task(task_run_name="train-{model.category}-{model.run}-{stage}", cache_policy=NO_CACHE)
def train(
    model: ModelRef,
    stage: str,
    crops: DatasetRef,
    recipe: ModelRecipe,
    device: Device = "auto",
    derived: DerivedRef | None = None,
    processes: int = 1,
) -> ModelRef:
    """Run one stage of a method, continuing from its newest checkpoint; a finished stage is reused.

    Several `processes` share it, one on each GPU or core. This one is their first and alone reports, saves and is told
    of signals; the others compute their part of every step, and end with it.

    Call it directly, never `.submit()` it: only then does a cancelled run get its signal and save where it stands.
    Raises TrainingDiverged if a term became non-finite, MissingWeights if a frozen part has none.
    """
    with hold_lock(layout.run(model)):
        training_runs.write_start(model, crops, recipe)
        if bundles.find_intact(layout.stage(model, stage)) is None:
            with acquire_devices(device, processes) as places:
                _run(model, stage, derived or crops, recipe, places)
    _show(model, _stage(recipe, stage))
    return model


@task(task_run_name="assemble-{model.category}-{model.run}", cache_policy=NO_CACHE)
def assemble(model: ModelRef, crops: DatasetRef, recipe: ModelRecipe) -> ModelRef:
    """Commit the finished model: its recipe, and which stages it is made of.

    Raises MissingArtifact if one of them is not over.
    """
    with hold_lock(layout.run(model)):
        training_runs.write_start(model, crops, recipe)
        if not training_runs.is_made_from(layout.model(model), crops):
            require_stages(model, recipe)
            contents = {"recipe.json": recipe.model_dump_json(indent=1).encode()}
            bundles.commit(layout.model(model), contents, _about(crops, recipe))
    return model


def _stage(recipe: ModelRecipe, name: str) -> Stage:
    return next(stage for stage in recipe.method.stages() if stage.name == name)


def _run(model: ModelRef, name: str, data: DatasetRef | DerivedRef, recipe: ModelRecipe, places: Sequence[str]) -> None:
    """Train on these devices, and commit what comes of it."""
    stage = _stage(recipe, name)
    report = _Report(model, stage, stage.steps or len(_training_samples(data)))
    with train_together(partial(learn_along, model, name, data, recipe), places):
        artifact = stage.run(_context(model, stage, data, recipe, places[0], report))
    about = {"category": model.category, "run": model.run, "stage": stage.name}
    contents = {
        f"{stage.name}.safetensors": weights_bytes(dict(artifact.tensors), about),
        layout.JOURNAL: report.journal.encode(),
    }
    bundles.commit(layout.stage(model, stage.name), contents, _stage_about(artifact.summary, report.journal))


def learn_along(model: ModelRef, name: str, data: DatasetRef | DerivedRef, recipe: ModelRecipe, where: str) -> None:
    """Compute one process's part of a stage, in a process of its own, and keep nothing."""
    configure_process()
    stage = _stage(recipe, name)
    stage.run(_context(model, stage, data, recipe, where, None))


def _context(
    model: ModelRef,
    stage: Stage,
    data: DatasetRef | DerivedRef,
    recipe: ModelRecipe,
    where: str,
    report: "_Report | None",
) -> StageContext:
    """What a stage learns from; without a report nobody is told of it."""
    return StageContext(
        **vars(training_setting(recipe, where)),
        samples=[framed(sample) for sample in _training_samples(data)],
        checkpoints=Checkpoints(layout.checkpoints(model, stage.name), report and report.journal),
        report=report or no_report,
        artifacts=stage_artifacts(model, recipe, before=stage.name),
        columns=_columns(data, stage),
    )


def _training_samples(data: DatasetRef | DerivedRef) -> samples.Samples:
    return samples.of_dataset(data.crops if isinstance(data, DerivedRef) else data, "train")


def _columns(data: DatasetRef | DerivedRef, stage: Stage) -> ReadColumn:
    def read(name: str) -> Sequence[PseudoTruth[Content]]:
        column = COLUMNS[name]
        if not isinstance(data, DerivedRef) or not isinstance(column, DerivedColumn):
            raise ValueError(f"stage {stage.name} reads column {name!r}; name it in the `needs` of its method")
        return read_column(data, "train", column)

    return read


def _stage_about(summary: Summary, journal: MetricsLog) -> StageAbout:
    """How a stage ended; where it went on from its last checkpoint, with the values that were reported then."""
    last = journal.lines[-1] if journal.lines else {}
    values = summary.values or {name: value for name, value in last.items() if name != "step"}
    return StageAbout(steps=summary.steps, skipped=summary.skipped, values=values)


def _about(crops: DatasetRef, recipe: ModelRecipe) -> ModelAbout:
    stages = tuple(stage.name for stage in recipe.method.stages())
    return ModelAbout(snapshot=crops.snapshot, code=code(), stages=stages)


class _Report:
    """Writes the numbers and the panels of a stage down, and moves its bar."""

    def __init__(self, model: ModelRef, stage: Stage, steps: int) -> None:
        self.model, self.stage = model, stage
        self.journal = MetricsLog(layout.metrics(model, stage.name))
        self.bar = artifacts.Progress(steps, f"training of {model.category}, stage {stage.name}")

    def __call__(self, step: int, values: dict[str, float], panel: Panel | None) -> None:
        self.journal.add(step, values)
        if panel is not None:
            files.put(layout.panel(self.model, self.stage.name, step), png(panel))
            shown = f"run {self.model.run}, stage {self.stage.name}, step {step}"
            artifacts.page(f"panel-{self.model.category}", f"{shown}\n\n{artifacts.inline(panel)}", shown)
        self.bar.at(step)


def _show(model: ModelRef, stage: Stage) -> None:
    """The table of losses, evenly thinned."""
    lines = read_metrics(model, stage.name)
    chosen = [lines[round(at)] for at in np.linspace(0, len(lines) - 1, min(LINES, len(lines)))]
    columns = ("step", "loss", *stage.shown, "steps_per_second")
    rows = [{name: round(line[name], 4) for name in columns if name in line} for line in chosen]
    artifacts.table(f"losses-{model.category}", rows, f"losses of run {model.run}, stage {stage.name}")
