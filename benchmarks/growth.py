"""How the verbs of a data set grow: 2,000 shards that 300 refreshes have added, and what each verb then takes.

    OMP_NUM_THREADS=1 python benchmarks/growth.py FOLDER 2000 300

Makes the data set in FOLDER unless it is there: crops of the recipe of `farm3d run cow`, two to a shard, of which every
fiftieth is left out as a near-duplicate. Logs Markdown rows: seconds of one core and of the clock for each verb, and
the bytes of all snapshot files, their copies included.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from flows.plan.plan import Plan, load_plan
from storage.dataset import catalogue, pruning, shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.encoding import Sample
from storage.dataset.records import Duplicates, SampleRow, content_key, split_of
from storage.store.layout import Store
from storage.store.references import DatasetRef, ShardRef, digest
from tasks.runtime.near_duplicates import find_duplicates

log = logging.getLogger("growth")
CROPS, PX = 2, 16
LEFT_OUT = 50
"""One crop in so many is a near-duplicate."""


def main(folder: Path, count: int, times: int) -> None:
    """Log what every verb takes."""
    store = Store(str(folder))
    if not snapshots.numbers(store.root, "cow"):
        measure("write shards and snapshots", lambda: write(store, count, times))
    first, last = (store.dataset("cow", snapshots.numbers(store.root, "cow")[place]) for place in (0, -1))
    recipe = snapshots.read(last).digest
    refs = [snapshots.shard(last, pinned) for pinned in snapshots.read(last).shards]
    alike = _plan().duplicate_recipe
    measure("list", lambda: list_all(store))
    measure("show", lambda: (catalogue.rows(last), catalogue.derivations(last)))
    measure("diff first..last", lambda: catalogue.difference(first, last))
    measure("verify", lambda: list(find_data_faults(store.root, "cow")))
    measure("prune (plan)", lambda: pruning.plan_pruning(store.root, "cow", 3))
    measure("refresh: newest and gaps", lambda: (snapshots.newest(store.root, "cow", recipe), snapshots.gaps(last)))
    measure("refresh: near-duplicates", lambda: find_duplicates(refs, alike, "cpu"))
    measure("refresh: commit of one shard", lambda: add(store, len(refs)))
    places = (folder / "cow" / "snapshots", folder / "cow" / "copies")
    written = [path.stat().st_size for place in places for path in place.rglob("*") if path.is_file()]
    log.info("| all snapshot files | %.2f MB in %d files | |", sum(written) / 1e6, len(written))


def measure(verb: str, work: Callable[[], object]) -> None:
    """Log a row."""
    core, clock = process_time(), perf_counter()
    work()
    log.info("| %s | %.1f s of one core | %.1f s |", verb, process_time() - core, perf_counter() - clock)


def write(store: Store, count: int, times: int) -> None:
    """So many shards, committed in so many snapshots."""
    for indices in np.array_split(np.arange(count), times):
        snapshots.commit([_shard(store, int(index)) for index in indices], _judge)


def add(store: Store, index: int) -> DatasetRef:
    """A shard more, and its snapshot."""
    return snapshots.commit([_shard(store, index)], _judge)


def list_all(store: Store) -> list[tuple[int, int]]:
    """Counts of every snapshot, as `farm3d dataset list` shows them."""
    refs = [store.dataset("cow", number) for number in snapshots.numbers(store.root, "cow")]
    return [(snapshots.read(ref).kept, len(catalogue.derivations(ref))) for ref in refs]


@cache
def _plan() -> Plan:
    return load_plan("cow")


def _shard(store: Store, index: int) -> ShardRef:
    recipe = _plan().crop_recipe
    ref = store.curated("cow", digest(recipe), index)
    shards.write(ref, [_sample(CROPS * index + number) for number in range(CROPS)], recipe, made_from="0" * 64)
    return ref


def _sample(seed: int) -> Sample:
    random = np.random.default_rng(seed)
    row = SampleRow(
        key=_key(seed),
        category="cow",
        prompt="a photo of a brown cow, side view",
        view=("front", "side", "back")[seed % 3],
        seed=seed,
        model="drawn",
        model_digest="0123",
        photo_width=2 * PX,
        photo_height=2 * PX,
        box=(0, 0, PX, PX),
        scores={"mask_area": 0.25, "detection": 0.9, "sharpness": 3.0, "coverage": 0.5},
        phash=f"{int(random.integers(0, 2**64, dtype=np.uint64)):016x}",
        split=split_of(_key(seed)),
    )
    return Sample(row, random.integers(0, 256, (PX, PX, 3), np.uint8), random.random((PX, PX)) > 0.5)


def _judge(refs: Sequence[ShardRef]) -> Duplicates:
    seeds = range(0, CROPS * (refs[-1].index + 1), LEFT_OUT)
    resembles = {_key(seed + 1): _key(seed) for seed in seeds}
    return Duplicates(config=_plan().duplicate_recipe.model_dump(mode="json"), resembles=resembles)


def _key(seed: int) -> str:
    return content_key("cow", "0123", "a brown cow", seed)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    log.setLevel(logging.INFO)
    place, shard_count, snapshot_count = sys.argv[1:]
    main(Path(place).resolve(), int(shard_count), int(snapshot_count))
