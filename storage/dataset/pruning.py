"""What nobody needs any more: old snapshots, and the shards that only they list."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.dataset import pins, snapshots
from storage.dataset.records import Snapshot
from storage.runs import training_runs
from storage.runs.checkpoints import Checkpoints
from storage.runs.releases import ReleaseAbout
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, files, layout
from storage.store.layout import Store
from storage.store.locks import held, locked
from storage.store.references import ModelRef, ShardRef, Stage, digest


@dataclass(frozen=True)
class Waste:
    """One file that may go."""

    where: str
    bytes: int


@dataclass(frozen=True)
class Pruning:
    """What goes and what stays of the snapshots before the newest ones."""

    waste: tuple[Waste, ...]
    """In the order to delete them."""
    needed: dict[int, list[str]]
    """Snapshots that stay, and why."""


def pruned(root: str, category: str, keep: int) -> Pruning:
    """Delete what is `planned`, while nobody begins to hold any of it."""
    with locked(layout.snapshots(root, category)):
        found = planned(root, category, keep)
        for each in found.waste:
            files.remove(each.where)
    return found


def planned(root: str, category: str, keep: int) -> Pruning:
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
    holding, left = pins.found(store.root, category)
    for number, reason in (*map(_told, holding), *_needs(store, category)):
        for each in numbers[:-keep]:
            if number in (each, None):
                needed.setdefault(each, []).append(reason)
    staying = {*numbers[-keep:], *needed}
    known = {number: snapshots.read(store.dataset(category, number)) for number in numbers}
    waste = (*_waste(store, category, known, staying), *(file for each in left for file in _file(each)))
    return Pruning(waste, dict(sorted(needed.items())))


def _told(hold: pins.Hold) -> tuple[int | None, str]:
    return hold.snapshot, f"{hold.holder} is {'going to learn from it' if hold.snapshot else 'making a data set'}"


def _needs(store: Store, category: str) -> Iterator[tuple[int | None, str]]:
    """Snapshots that must stay, with the reason; None stands for all of them."""
    for release in store.releases(category):
        # A release that lost a file is still somebody's.
        if published := bundles.read_about(layout.release(release), ReleaseAbout):
            yield published.snapshot, f"release {release.run} was made from it"
    for model in store.models(category):
        if why := _unfinished(model):
            started = training_runs.started(model)
            yield (started.snapshot, why) if started else (None, f"{why}, and does not say from which snapshot")
        elif learnt := bundles.read_about(layout.model(model), ModelAbout):
            yield learnt.snapshot, f"run {model.run} learnt from it"


def _unfinished(model: ModelRef) -> str:
    """How a run that may still learn stands; empty where it has ended, or died before there was anything to go on from.

    Asked first, for a run commits its model before it gives its lock back.
    """
    if held(layout.run(model)):
        return f"run {model.run} is learning"
    steps = Checkpoints(layout.checkpoints(model)).steps()
    if bundles.manifest(layout.model(model)) or not steps:
        return ""
    remedy = f"delete {layout.run(model)} if it never shall"
    return f"run {model.run} stopped after step {steps[-1]} and can go on ({remedy})"


def _waste(store: Store, category: str, known: dict[int, Snapshot], staying: set[int]) -> Iterator[Waste]:
    going = [snapshot for number, snapshot in known.items() if number not in staying]
    for each in going:
        yield from _file(layout.snapshot(store.dataset(category, each.id)))
    listed = {place for number in staying for place in _places(known[number])}
    unlisted = sorted({place for each in going for place in _places(each)} - listed)
    for stage, recipe, index in unlisted:
        shard = ShardRef(root=store.root, category=category, stage=stage, digest=recipe, index=index)
        # The manifest first: without it the other two count as never written.
        for where in (layout.manifest(shard), layout.table(shard), layout.tar(shard)):
            yield from _file(where)


def _places(snapshot: Snapshot) -> Iterator[tuple[Stage, str, int]]:
    """Crops and the photos that they were cut out of."""
    for shard in snapshot.shards:
        yield "curated", shard.digest, shard.index
        yield "raw", digest(snapshot.config["photos"]), shard.index


def _file(where: str) -> Iterator[Waste]:
    size = files.size(where)
    if size is not None:
        yield Waste(where, size)
