"""Months of refreshes in minutes: one data set, 200 refreshes, 20 of them killed at random moments. What is left?

    OMP_NUM_THREADS=1 python benchmarks/soak.py soak 200 20

Each refresh is the flow `refresh` as a schedule runs it, with the embedded teacher (two steps) and segmenter, in a
process of its own that is forked once both are loaded. All report to one real Prefect server on a free port, which
lives as long as the soak; there is no worker: the next refresh begins when the last has ended, every tenth together
with another one, as if somebody had started it by hand. A kill is a SIGKILL after a part, drawn from seed 0, of the
time that the refreshes so far took; where a process was faster, the next one is killed instead, but never the last.
Every process writes down what it draws before it draws it.

At the end it logs what it did and every fault it found, and exits with 1 if there is any:

- whatever `farm3d verify` says of the data, files of killed writers included;
- a key that the newest snapshot lists twice, a snapshot that cannot be read or lost a shard of its parent;
- a photo drawn after it was committed, or drawn by two processes of which the first was not killed;
- a refresh that failed although nobody killed it.
"""

import logging
import multiprocessing
import os
import random
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from prefect.settings import temporary_settings

from flows.cli.launcher import HOST, Launcher
from flows.plan.plan import Plan, PlanChanges, load_plan
from flows.refresh import refresh
from models.generators import StableDiffusion
from storage.dataset import catalogue, shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.store import layout
from tasks.runtime.devices import cached_model

log = logging.getLogger("soak")
CHANGES = PlanChanges.model_validate({"photos": 2, "generator": {"kind": "stable_diffusion", "steps": 2}})
TOGETHER = 10
"""Every so many refreshes two begin at once."""
FORK = multiprocessing.get_context("fork")


def main(folder: Path, count: int, kills: int) -> list[str]:
    """Run the soak in an empty folder; the faults that were found."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    launcher = Launcher(folder / "prefect", port)
    launcher.start_server(port)
    try:
        while not launcher.healthy():
            time.sleep(1)
        plan = load_plan("cow", "smoke", str(folder / "data"), CHANGES)
        draws = folder / "draws"
        _load(plan, draws)
        with temporary_settings(launcher.settings):
            killed, failed = _refreshes(plan, count, kills)
    finally:
        launcher.server.stop()
    return [*failed, *_faults(plan), *_drawn_twice(plan, draws, killed)]


def _load(plan: Plan, draws: Path) -> None:
    """Both models at every place of the machine, and a note of each photo before it is drawn."""
    for core in range(os.cpu_count() or 1):
        cached_model(plan.generator, f"cpu:{core}")
        cached_model(plan.segmenter, f"cpu:{core}")
    draw = StableDiffusion.generate

    def noted(self: StableDiffusion, prompts: list[str], seeds: list[int]) -> np.ndarray:
        with draws.open("a") as file:
            file.write("".join(f"{seed} {os.getpid()} {time.time_ns()}\n" for seed in seeds))
        return draw(self, prompts, seeds)

    StableDiffusion.generate = noted


def _refreshes(plan: Plan, count: int, kills: int) -> tuple[set[int], list[str]]:
    """The ids of the processes that were killed, and what failed though it was not."""
    chance, killed, failed, took = random.Random(0), set[int](), list[str](), list[float]()
    doomed, due, begun = set(chance.sample(range(TOGETHER, count), kills)), 0, time.monotonic()
    for number in range(1, count + 1):
        due += number in doomed
        since = time.monotonic()
        first, *others = [_begun(plan) for _ in range(1 if number % TOGETHER else 2)]
        if due and number < count:
            first.join(chance.random() * mean(took))
            if first.is_alive():
                first.kill()
                due -= 1
        for process in (first, *others):
            process.join()
            if process.exitcode == -signal.SIGKILL:
                killed.add(process.pid or 0)
            elif process.exitcode:
                failed.append(f"refresh {number}: exit status {process.exitcode}")
        if first.exitcode == 0 and not others:
            took.append(time.monotonic() - since)
        if number % TOGETHER == 0:
            minutes = (time.monotonic() - begun) / 60
            each = mean(took or [0.0])
            log.info("%d refreshes, %d killed, %.1f s each, %.1f min", number, len(killed), each, minutes)
    return killed, failed


def _begun(plan: Plan) -> BaseProcess:
    process = FORK.Process(target=_refresh, args=(plan.root,))
    process.start()
    return process


def _refresh(root: str) -> None:
    torch.set_num_threads(1)
    refresh("cow", "smoke", root, more=1, changes=CHANGES)


def _faults(plan: Plan) -> Iterator[str]:
    root, store = plan.store.root, plan.store
    yield from (f"{each.where}: {each.what}" for each in find_data_faults(root, "cow"))
    known = {number: snapshots.read(store.dataset("cow", number)) for number in snapshots.numbers(root, "cow")}
    for number, found in known.items():
        before = known[found.parent].shards if found.parent else ()
        if found.shards[: len(before)] != before:
            yield f"snapshot {number} does not begin with the shards of its parent {found.parent}"
    newest = known[max(known)]
    keys = Counter(row.key for row in catalogue.rows(store.dataset("cow", newest.id)))
    yield from (f"snapshot {newest.id} lists {key} {times} times" for key, times in keys.items() if times > 1)
    told = len(known), len(newest.shards), newest.rows, newest.kept
    log.info("%d snapshots, the newest of %d shards with %d photos, %d kept", *told)


def _drawn_twice(plan: Plan, draws: Path, killed: set[int]) -> Iterator[str]:
    lines = [map(int, line.split()) for line in draws.read_text().splitlines()]
    committed, before = dict(_committed(plan)), dict[int, int]()
    for seed, process, when in lines:
        if seed in before and before[seed] not in killed:
            yield f"seed {seed}: drawn by {before[seed]}, which nobody killed, and again by {process}"
        if when > committed.get(seed, when):
            yield f"seed {seed}: drawn by {process} after it was committed"
        before[seed] = process
    yield from (f"seed {seed}: committed and not drawn" for seed in committed.keys() - before.keys())
    log.info("%d photos committed in %d draws", len(committed), len(lines))


def _committed(plan: Plan) -> Iterator[tuple[int, int]]:
    """The seed of every photo, and when its shard was committed."""
    index = 0
    while (found := shards.find_committed(plan.raw(index))) is not None:
        when = Path(layout.manifest(plan.raw(index))).stat().st_mtime_ns
        yield from ((row.seed, when) for row in shards.rows(plan.raw(index), found))
        index += 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)
    log.setLevel(logging.INFO)
    torch.set_num_threads(1)
    place, refreshes, deaths = sys.argv[1:]
    faults = main(Path(place).resolve(), int(refreshes), int(deaths))
    log.info("%s", "\n".join(faults) or "no fault")
    sys.exit(bool(faults))
