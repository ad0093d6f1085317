"""The embedded weights, from nothing: procedural photos, and the small models that learn from them."""

from typing import Any, get_args

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.teach import BarnyardConfig, Part, draw, teach

WORKERS = 2
RUNNER: Any = ThreadPoolTaskRunner(max_workers=WORKERS)


@flow(name="barnyard", task_runner=RUNNER)
def barnyard(
    weights: str = "weights",
    work: str = "data/barnyard",
    config: BarnyardConfig = BarnyardConfig(),  # noqa: B008 - frozen
) -> list[str]:
    """Make every folder of `weights` anew; what an interrupted run left in `work` is continued.

    Args:
        weights: folder of the finished weights
        work: folder for photos and checkpoints; 4 GB at the default size
        config: photos, networks and training lengths
    """
    drawn = [draw.submit(work, config, worker, WORKERS) for worker in range(WORKERS)]
    for each in drawn:
        each.result()
    # All but the segmenter see through the ViT; it sees photos as the autoencoder gives them back.
    return [teach(part, work, weights, config) for part in get_args(Part)]
