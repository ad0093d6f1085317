"""What of the wall time of a data set is drawing, and what is Prefect's.

    python benchmarks/busy.py drawing ROOT PHOTOS        share of the time in which a photo is being drawn
    python benchmarks/busy.py prefect ROOT PHOTOS        seconds of the same tasks with Prefect and without

The first makes a data set of the `laptop` scale with the embedded teacher: its shards, half as many crops as PHOTOS.
The second takes tiny pictures with masks, so that nothing is drawn or segmented, and runs the tasks as plain functions
and, in turn, as a flow. Both need the server of `farm3d up`.
"""

import logging
import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image
from prefect.client.schemas import State

from flows.dataset import FEWEST, get_dataset
from flows.plan.plan import Plan, PlanChanges, load_plan
from flows.plan.runners import ThreadsConfig
from models.generators.stable_diffusion import StableDiffusion
from storage.store.references import ShardRef
from tasks.filter import filter
from tasks.generate import generate
from tasks.segment import segment
from tasks.shard import shard

log = logging.getLogger("busy")
SHARD, EDGE = 50, 48


def seconds(work: Callable[[], object]) -> float:
    """Wall time."""
    start = perf_counter()
    work()
    return perf_counter() - start


def drawing(root: str, photos: int) -> None:
    """Log the share of the wall time that is covered by calls of the generator."""
    calls: list[tuple[float, float]] = []
    draw = StableDiffusion.generate

    def watched(self: StableDiffusion, prompts: list[str], seeds: list[int]) -> np.ndarray:
        start = perf_counter()
        made = draw(self, prompts, seeds)
        calls.append((start, perf_counter()))
        return made

    StableDiffusion.generate = watched
    plan = load_plan("cow", "laptop", root, PlanChanges.model_validate({"images": photos // 2}))
    began = perf_counter()
    get_dataset(plan)
    ended = perf_counter()
    covered, until = 0.0, 0.0
    for start, end in sorted(calls):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    first, last = min(start for start, _ in calls), max(end for _, end in calls)
    log.info("wall %.1f s; drawing %.1f s, %.1f %%", ended - began, covered, 100 * covered / (ended - began))
    log.info(
        "%.1f s to the first picture, %.1f s after the last; between them drawing %.1f %%",
        first - began,
        ended - last,
        100 * covered / (last - first),
    )


def prefect(root: str, photos: int) -> None:
    """Log both times and the cost of one task."""
    folder = Path(root, "photos")
    folder.mkdir(parents=True)
    for number in range(photos):
        _picture(folder, number)
    own = {"kind": "folder", "folder": str(folder), "size": EDGE}
    runner = ThreadsConfig(workers=1).model_dump()
    changes = PlanChanges.model_validate({"photos": SHARD, "own_photos": own, "runner": runner})
    first, flow, plain = (
        load_plan("cow", "smoke", str(Path(root, each)), changes) for each in ("first", "flow", "plain")
    )
    get_dataset(first)  # loads what is loaded once
    bare, tracked = seconds(lambda: _functions(plain, photos)), seconds(lambda: get_dataset(flow))
    tasks = 3 * ceil(photos / SHARD) + 1
    log.info("%d photos, %d tasks: flow %.2f s, functions %.2f s", photos, tasks, tracked, bare)
    log.info("Prefect: %.3f s per task", (tracked - bare) / tasks)


def _picture(folder: Path, number: int) -> None:
    random = np.random.default_rng(number)
    down, right = np.mgrid[:EDGE, :EDGE] - EDGE // 2
    mask = (down / 10) ** 2 + (right / 14) ** 2 < 1
    image = random.integers(0, 120, (EDGE, EDGE, 3)).astype(np.uint8)
    image[mask] = (200, 60, 30)
    Image.fromarray(image).save(folder / f"{number:05d}.png")
    Image.fromarray(mask).save(folder / f"{number:05d}.mask.png")


def _functions(plan: Plan, photos: int) -> None:
    crops: list[ShardRef] = []
    for index in range(ceil(photos / SHARD)):
        drawn = _plain(generate.fn(plan.raw(index), plan.photo_recipe, plan.device))
        verdicts = _plain(filter.fn(drawn, plan.crop_recipe))
        crops.append(_plain(segment.fn(verdicts, plan.crop_recipe, plan.device)))
    shard.fn(crops, FEWEST, plan.duplicate_recipe, plan.device)


def _plain(answer: Any) -> Any:  # noqa: ANN401 - a reference, or a state that holds one
    return answer.data if isinstance(answer, State) else answer


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    {"drawing": drawing, "prefect": prefect}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
