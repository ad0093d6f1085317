"""Where a training step of the `laptop` scale spends its time, and how much memory the process takes.

    OMP_NUM_THREADS=1 python benchmarks/step.py data cow

Reads the newest snapshot of the category and trains from the embedded quadruped, SDS at every second step. Parts are
measured by the profiler, whose own cost (a few per cent) falls on the parts with many small calls.
"""

import cProfile
import logging
import pstats
import resource
import sys
from statistics import median
from time import monotonic
from typing import Any

import torch

from flows.plan import load_plan
from models.category import VIEWS
from models.features.dense import described
from models.training import loop
from models.training.augmentation import augmented
from models.training.batch import Crops
from storage import samples, snapshots
from storage.records import DatasetRef

log = logging.getLogger("step")
CPU = torch.device("cpu")
STEPS, FIRST = 60, 20
PARTS = {
    "crops": ("batch.py", "batch"),
    "ViT tokens (remembered after the first epoch)": ("encoder.py", "__call__"),
    "prior surface": ("prior.py", "mesh"),
    "viewpoint": ("pose.py", "forward"),
    "deformation": ("deformation.py", "forward"),
    "skeleton": ("animal.py", "_rig"),
    "articulation": ("articulation.py", "forward"),
    "skinning": ("animal.py", "posed"),
    "rendering, photo and virtual views": ("animal.py", "render"),
    "silhouettes of the other viewpoints": ("magicpony.py", "excess"),
    "Eikonal": ("regularisers.py", "eikonal"),
    "SDS: autoencoder": ("stable_diffusion.py", "encode"),
    "SDS: U-Net": ("stable_diffusion.py", "predict_noise"),
    "backward": ("_tensor.py", "backward"),
    "optimiser": ("loop.py", "_update"),
}


class Nowhere:
    """Keeps no checkpoint."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Nothing."""

    def newest(self) -> None:
        """Nothing."""


def main(root: str, category: str) -> None:
    """Log the table."""
    plan = load_plan(category, "laptop", root)
    assert plan.warm_start
    number = snapshots.numbers(plan.store.root, category)[-1]
    crops = list(
        samples.of_dataset(DatasetRef(root=plan.store.root, category=category, snapshot=number), "train", VIEWS)
    )
    vit, teacher = plan.features.build(CPU), plan.generator.build(CPU)
    training = plan.training.model_copy(update={"steps": STEPS, "report_every": STEPS, "panel_every": STEPS + 1})
    animal = plan.animal.build(plan.category, vit)
    plan.warm_start.load(animal)
    shown = augmented(crops, training.augmentation, training.seed)
    known, _ = described(
        shown.samples, vit, plan.animal.encoder.image, plan.animal.prior.channels, plan.warm_start.pca()
    )
    method, set_ = plan.method.build(plan.category, teacher), Crops(known, training.size, CPU, shown.seen)
    run = loop._Run(
        animal, method, training, set_, plan.renderer.build(CPU), Nowhere(), lambda *_: None, plan.warm_start.begin
    )  # pyright: ignore[reportPrivateUsage]
    profile, times = cProfile.Profile(), []
    for step in range(STEPS - 1):
        begun = monotonic()
        if step < FIRST:
            run.advance()
        else:
            profile.runcall(run.advance)
            times.append(monotonic() - begun)
    stats: Any = pstats.Stats(profile)
    total = stats.total_tt
    log.info("median step %.3f s (odd and even steps differ by SDS), mean %.3f s", median(times), total / len(times))
    for part, (file, function) in PARTS.items():
        found = [
            row[3] for (path, _, name), row in stats.stats.items() if path.endswith(f"/{file}") and name == function
        ]
        log.info("%5.1f %%  %s", 100 * sum(found) / total, part)
    log.info("largest resident memory %.2f GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    torch.set_num_threads(1)
    main(*sys.argv[1:])
