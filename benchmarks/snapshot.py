"""What the benchmarks of training learn from."""

from functools import cache
from typing import Any, NoReturn

import torch

from flows.plan.plan import Plan
from models.data.framing import Crop
from models.engine.loop import Checkpoints, Report
from models.methods.base import StageContext
from storage.dataset import samples, snapshots
from storage.store.layout import Store
from tasks.inference.loading import framed

CPU = torch.device("cpu")


def newest_crops(root: str, category: str) -> list[Crop]:
    """The training crops of the category's newest snapshot."""
    store = Store(root)
    number = snapshots.numbers(store.root, category)[-1]
    return [framed(sample) for sample in samples.of_dataset(store.dataset(category, number), "train")]


def stage_context(plan: Plan, crops: list[Crop], checkpoints: Checkpoints, report: Report) -> StageContext:
    """Training of the plan's category on these crops, on the CPU."""
    return StageContext(
        category=plan.category,
        device=CPU,
        renderer=plan.renderer.build(CPU),
        load=build_part,
        samples=crops,
        checkpoints=checkpoints,
        report=report,
        artifacts={},
        columns=refuse_column,
    )


@cache
def build_part(config: Any) -> Any:  # noqa: ANN401 - whatever the configuration builds
    """A frozen part, built once."""
    return config.build(CPU)


def refuse_column(name: str) -> NoReturn:
    """Raises ValueError: crops of a benchmark are photos and masks."""
    raise ValueError(f"column {name!r} is read, and benchmarks have none; train this method through its flow")
