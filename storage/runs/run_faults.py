"""Whether every byte of the training runs and releases of a category is what was committed."""

from collections.abc import Iterator
from functools import partial
from io import BytesIO

from PIL import Image

from storage.dataset import snapshots
from storage.dataset.data_faults import find_data_faults
from storage.runs import releases, training_runs
from storage.runs.checkpoints import Checkpoints
from storage.runs.metrics_log import MetricsLog
from storage.runs.releases import ReleaseAbout
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact, StorageError, words
from storage.store.faults import AGAIN, Fault, fault_of, find_bundle_faults, find_leftovers, leftover, mirror_faults
from storage.store.layout import Store
from storage.store.locks import is_locked
from storage.store.references import ModelRef

APART = ("checkpoints", "panels", layout.JOURNAL)
"""What lies in the folder of a stage before the stage is over."""


def find_faults(store: Store, category: str) -> Iterator[Fault]:
    """Faults of a category: those of its data first, then those of its runs and releases."""
    yield from find_data_faults(store.root, category)
    yield from find_run_faults(store, category)


def find_run_faults(store: Store, category: str) -> Iterator[Fault]:
    """Everything of the runs, releases and comparison of a category that is not what was committed; reads every file.

    A run that is learning is left out, for its files change.
    """
    known = set(snapshots.numbers(store.root, category))
    for model in store.models(category):
        if not is_locked(layout.run(model)):
            yield from _run_faults(model, known)
    for release in store.releases(category):
        folder = layout.release(release)
        yield from find_bundle_faults(folder)
        yield from _origin_faults(folder, ReleaseAbout, known)
    yield from find_bundle_faults(layout.comparison(store.root, category))
    promotion = releases.stored_promotion(store, category)
    if any(files.size(where) is not None for where in promotion.urls):
        yield from mirror_faults(promotion, f"promote a release again, or delete both {' and '.join(promotion.urls)}")


def _run_faults(model: ModelRef, known: set[int]) -> Iterator[Fault]:
    yield from find_leftovers(layout.run(model))
    try:
        start = training_runs.read_start(model)
    except StorageError as error:
        yield Fault(error.where, f"{error.value}; {AGAIN}")
    else:
        if (start is None or start.snapshot not in known) and _can_go_on(model):
            what = "is gone" if start is None else f"names snapshot {start.snapshot}, which is gone"
            yield Fault(layout.run_config(model), f"{what}; {AGAIN}")
    for stage in files.names(layout.stages(model)):
        yield from find_bundle_faults(layout.stage(model, stage), APART)
        yield from _checkpoint_faults(model, stage)
        yield from _panel_faults(layout.panels(model, stage))
    for folder in (layout.model(model), layout.evaluation(model)):
        yield from find_bundle_faults(folder)
    yield from _origin_faults(layout.model(model), ModelAbout, known)


def _can_go_on(model: ModelRef) -> bool:
    """Whether a run has learnt anything; one that died before that begins anew, from whatever there is then."""
    stages = files.names(layout.stages(model))
    states = any(Checkpoints(layout.checkpoints(model, stage)).steps() for stage in stages)
    return states or any(bundles.manifest(layout.stage(model, stage)) for stage in stages)


def _origin_faults(folder: str, kind: type[ModelAbout] | type[ReleaseAbout], known: set[int]) -> Iterator[Fault]:
    """A model or a release whose snapshot is gone."""
    try:
        about = bundles.read_about(folder, kind)
    except StorageError as error:
        yield fault_of(error)
        return
    if about and about.snapshot not in known:
        yield Fault(layout.bundle(folder), f"was made from snapshot {about.snapshot}, which is gone; {AGAIN}")


def _checkpoint_faults(model: ModelRef, stage: str) -> Iterator[Fault]:
    """States that are not what was saved, and a journal that the newest state of an unfinished stage contradicts."""
    folder = layout.checkpoints(model, stage)
    yield from find_leftovers(folder)
    states, newest = Checkpoints(folder), None
    committed = states.steps()
    for step in committed:
        try:
            newest = states.read_manifest(step)
        except StorageError as error:
            yield Fault(error.where, f"{error.value}; an older one is taken", partial(_discard, states, step))
    for name in files.names(folder):
        stem, _, kind = name.removeprefix("step-").partition(".")
        if kind == "pt" and stem.isdecimal() and int(stem) not in committed:
            yield leftover(layout.member(folder, name), "was never committed; delete it")
    journal = layout.metrics(model, stage)
    if newest is None or bundles.manifest(layout.stage(model, stage)):
        return
    reports = [line for line in MetricsLog(journal).lines if line["step"] <= newest.step]
    if reports != list(newest.reports):
        yield Fault(journal, f"is not what was reported until step {newest.step}; {AGAIN}")


def _discard(states: Checkpoints, step: int) -> str:
    states.discard(step)
    return "deleted"


def _panel_faults(folder: str) -> Iterator[Fault]:
    """Pictures whose own checksums are wrong; nothing is made of them, and nothing makes them again."""
    yield from find_leftovers(folder)
    for name in files.names(folder):
        where = layout.member(folder, name)
        try:
            _check_picture(where)
        except CorruptArtifact as error:
            yield leftover(where, f"{error.value}; {error.remedy}")


def _check_picture(where: str) -> None:
    try:
        with Image.open(BytesIO(files.get(where)), formats=("PNG",)) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CorruptArtifact(where, f"is no whole PNG ({words(error)})", "delete it") from error
