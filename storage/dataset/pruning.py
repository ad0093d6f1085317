"""What nobody needs any more: old snapshots, and the shards that only they list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from storage.dataset import derived, snapshots
from storage.dataset.derived import DerivedRecipe
from storage.dataset.pages import Pages
from storage.dataset.pins import Pin, living_pins
from storage.dataset.records import Snapshot
from storage.runs import training_runs
from storage.runs.checkpoints import Checkpoints
from storage.runs.releases import ReleaseAbout
from storage.runs.training_runs import ModelAbout, RunStart
from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact
from storage.store.layout import Store
from storage.store.locks import hold_lock, is_locked
from storage.store.references import STAGES, ModelRef, ShardRef, Stage


@dataclass(frozen=True)
class Waste:
    """One file that may go."""

    where: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Pruning:
    """What goes and what stays of the snapshots before the newest ones."""

    waste: tuple[Waste, ...]
    """In the order to delete them."""
    needed: dict[int, list[str]]
    """Snapshots that stay, and why."""


def prune(root: str, category: str, keep: int) -> Pruning:
    """Delete what `plan_pruning` names, while nobody begins to pin any of it."""
    with hold_lock(layout.snapshots(root, category)):
        pruning = plan_pruning(root, category, keep)
        for waste in pruning.waste:
            files.remove(waste.where)
    return pruning


def plan_pruning(root: str, category: str, keep: int) -> Pruning:
    """Files of the snapshots before the newest `keep`, but for those that a flow, a run or a release needs.

    Snapshots go before their shards, so that whoever dies half-way leaves files that nobody lists, never a list of
    files that are gone. A shard goes if a snapshot that goes lists it and none that stays does; shards that no
    snapshot ever listed may be in the making, and stay.

    Raises ValueError if `keep` is less than 1.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}; keep at least the newest snapshot")
    store, numbers = Store(root), snapshots.numbers(root, category)
    needed: dict[int, list[str]] = {}
    # Flows first: before one lets go of a snapshot, it is written down which run learns from it.
    pins, left = living_pins(store.root, category)
    for needed_number, reason in (*map(_pin_reason, pins), *_needs(store, category)):
        for number in numbers[:-keep]:
            if needed_number in (number, None):
                needed.setdefault(number, []).append(reason)
    staying = {*numbers[-keep:], *needed}
    known = {number: snapshots.read(store.dataset(category, number)) for number in numbers}
    waste = (*_waste(store, category, known, staying), *(file for url in left for file in _file(url)))
    return Pruning(waste, dict(sorted(needed.items())))


def _pin_reason(pin: Pin) -> tuple[int | None, str]:
    return pin.snapshot, f"{pin.holder} is {'going to learn from it' if pin.snapshot else 'making a data set'}"


def _needs(store: Store, category: str) -> Iterator[tuple[int | None, str]]:
    """Snapshots that must stay, with the reason; None stands for all of them."""
    for release in store.releases(category):
        # A release that lost a file is still somebody's.
        folder = layout.release(release)
        if published := bundles.read_about(folder, ReleaseAbout):
            yield published.snapshot, f"release {release.run} was made from it"
        elif files.size(layout.bundle(folder)) is not None:
            yield None, f"release {release.run} is damaged, and does not say from which snapshot (delete {folder}?)"
    for model in store.models(category):
        if why := _why_unfinished(model):
            start = _start(model)
            yield (start.snapshot, why) if start else (None, f"{why}, and does not say from which snapshot")
        elif learnt := bundles.read_about(layout.model(model), ModelAbout):
            yield learnt.snapshot, f"run {model.run} learnt from it"


def _start(model: ModelRef) -> RunStart | None:
    """What a run says it learns from, as far as that can be read."""
    try:
        return training_runs.read_start(model)
    except CorruptArtifact:
        return None


def _why_unfinished(model: ModelRef) -> str:
    """How a run that may still learn stands; empty where it has ended, or died before there was anything to go on from.

    Asked first, for a run commits its model before it gives its lock back.
    """
    if is_locked(layout.run(model)):
        return f"run {model.run} is learning"
    stages = files.names(layout.stages(model))
    reached = [place for stage in stages if (place := _reached(model, stage))]
    if bundles.manifest(layout.model(model)) or not reached:
        return ""
    remedy = f"delete {layout.run(model)} if it never shall"
    return f"run {model.run} stopped after {' and '.join(reached)} and can go on ({remedy})"


def _reached(model: ModelRef, stage: str) -> str:
    """How far a stage has come, as far as that is kept; empty where it begins anew."""
    if bundles.manifest(layout.stage(model, stage)):
        return f"stage {stage}"
    states = Checkpoints(layout.checkpoints(model, stage)).steps()
    return f"step {states[-1]} of stage {stage}" if states else ""


def _waste(store: Store, category: str, known: dict[int, Snapshot], staying: set[int]) -> Iterator[Waste]:
    going = [snapshot for number, snapshot in known.items() if number not in staying]
    for snapshot in going:
        # The copy first: a snapshot that only a copy is left of would be made anew from it.
        for where in reversed(snapshots.stored_file(store.dataset(category, snapshot.id)).urls):
            yield from _file(where)
    yield from _unnamed_pages(store, category, staying)
    children = derived.recipes(store.root, category)
    listed = {shard for number in staying for shard in _shards(known[number], children)}
    unlisted = {shard for snapshot in going for shard in _shards(snapshot, children)} - listed
    # Children go before their parents: what is derived of crops that are gone is nobody's.
    for stage, recipe, index in sorted(unlisted, key=lambda shard: (-STAGES.index(shard[0]), *shard[1:])):
        ref = ShardRef(root=store.root, category=category, stage=stage, digest=recipe, index=index)
        # The manifest first: without it the other two count as never written.
        for where in (layout.manifest(ref), layout.table(ref), layout.tar(ref)):
            yield from _file(where)


def _unnamed_pages(store: Store, category: str, staying: set[int]) -> Iterator[Waste]:
    """Pages that no snapshot that stays consists of."""
    pages, named = Pages(store.root, category), set[str]()
    for number in staying:
        file = snapshots.read_file(store.dataset(category, number))
        named.update((file.recipe, file.comparison, *file.shards, *file.resembles))
    for digest in pages.digests():
        for where in reversed(pages.stored(digest).urls) if digest not in named else ():
            yield from _file(where)


def _shards(snapshot: Snapshot, children: Mapping[str, DerivedRecipe]) -> Iterator[tuple[Stage, str, int]]:
    """Crops, the photos that they were cut out of, and what was derived of them."""
    for shard in snapshot.shards:
        yield "curated", shard.digest, shard.index
        yield "raw", snapshot.photos_digest, shard.index
        for digest, recipe in children.items():
            if recipe.crops == shard.digest:
                yield "derived", digest, shard.index


def _file(where: str) -> Iterator[Waste]:
    size = files.size(where)
    if size is not None:
        yield Waste(where, size)
