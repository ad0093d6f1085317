"""Where a training step of the `laptop` scale spends its time, and how much memory the process takes.

    OMP_NUM_THREADS=1 python benchmarks/step.py data cow [128]

Reads the newest snapshot of the category and trains from the embedded quadruped, SDS at every second step; 128 are
pixels to compare pictures at instead of the scale's. Parts are measured by the profiler, whose own cost (a few per
cent) falls on the parts with many small calls.
"""

import cProfile
import logging
import pstats
import resource
import sys
from tempfile import TemporaryDirectory
from typing import Any

import torch
from snapshot import newest_crops

from flows.plan.plan import load_plan
from models.data.augmentation import augment_crops
from models.data.crops import Crops
from models.engine.loop import fit
from models.features.dense import add_feature_maps
from storage.runs.checkpoints import Checkpoints

log = logging.getLogger("step")
CPU = torch.device("cpu")
FIRST, LAST = 20, 60
"""Steps between which is measured; the one after them ends the run with a panel and a checkpoint."""
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


def main(root: str, category: str, size: int | None = None) -> None:
    """Log the table."""
    plan = load_plan(category, "laptop", root)
    vit = plan.features.build(CPU)
    teacher: Any = plan.generator.build(CPU)
    short = {"steps": LAST + 1, "report_every": FIRST, "panel_every": 2 * LAST, "size": size or plan.training.size}
    training = plan.training.model_copy(update=short)
    animal = plan.animal.build(plan.category, vit)
    plan.warm_start.load(animal)
    shown = augment_crops(newest_crops(root, category), training.augmentation, training.seed)
    known, _ = add_feature_maps(
        shown.samples, vit, plan.animal.encoder.image, plan.animal.prior.channels, plan.warm_start.pca()
    )
    method, set_ = plan.method.build(plan.category, teacher), Crops(known, training.size, CPU, shown.seen)
    profile = cProfile.Profile()

    def measure(step: int, *_: object) -> None:
        if step == FIRST:
            profile.enable()
        elif step == LAST:
            profile.disable()

    with TemporaryDirectory() as folder:
        fit(
            animal, method, training, set_, plan.renderer.build(CPU), Checkpoints(folder), measure,
            plan.warm_start.begin,
        )  # fmt: skip
    stats: Any = pstats.Stats(profile)
    total = stats.total_tt
    log.info("mean step %.3f s", total / (LAST - FIRST))
    for part, (file, function) in PARTS.items():
        found = [
            row[3] for (path, _, name), row in stats.stats.items() if path.endswith(f"/{file}") and name == function
        ]
        log.info("%5.1f %%  %s", 100 * sum(found) / total, part)
    log.info("largest resident memory %.2f GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
