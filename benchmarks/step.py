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
from collections.abc import Callable
from inspect import unwrap
from tempfile import TemporaryDirectory
from typing import Any

import torch
from snapshot import newest_crops, stage_context

from flows.plan.plan import load_plan
from models.data.crops import Crops
from models.engine.optimiser import Optimiser
from models.generators import StableDiffusion
from models.geometry import skeleton
from models.methods.magicpony.config import AnimalTraining
from models.methods.magicpony.losses import regularisers, viewpoints
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks.articulation import Articulation
from models.methods.magicpony.networks.deformation import Deformation
from models.methods.magicpony.networks.encoder import Tokenizer
from models.methods.magicpony.networks.pose import PoseNetwork
from models.methods.magicpony.networks.prior import Prior
from models.methods.magicpony.terms import Step
from storage.runs.checkpoints import Checkpoints

log = logging.getLogger("step")
FIRST, LAST = 20, 60
"""Steps between which is measured; the one after them ends the run with a panel and a checkpoint."""
PARTS: dict[str, tuple[Callable[..., object], ...]] = {
    "crops": (Crops.batch,),
    "ViT tokens (remembered after the first epoch)": (Tokenizer.__call__,),
    "prior surface": (Prior.mesh,),
    "viewpoint": (PoseNetwork.forward,),
    "deformation": (Deformation.forward,),
    "skeleton": (skeleton.attach, skeleton.parents, skeleton.joints),
    "articulation": (Articulation.forward,),
    "skinning": (Animal.posed,),
    "rendering, photo and virtual views": (Animal.render,),
    "silhouettes of the other viewpoints": (Step.silhouettes, viewpoints.relative_error),
    "Eikonal": (regularisers.eikonal,),
    "SDS: autoencoder": (StableDiffusion.encode,),
    "SDS: U-Net": (StableDiffusion.predict_noise,),
    "backward": (torch.Tensor.backward,),
    "optimiser": (Optimiser.apply,),
}


def main(root: str, category: str, size: int | None = None) -> None:
    """Log the table."""
    plan = load_plan(category, "laptop", root)
    assert isinstance(plan.method, AnimalTraining)
    short = {"steps": LAST + 1, "report_every": FIRST, "panel_every": 2 * LAST, "size": size or plan.method.resolution}
    training = plan.method.training.model_copy(update=short)
    method = plan.method.model_copy(update={"training": training})
    profile = cProfile.Profile()

    def measure(step: int, *_: object) -> None:
        if step == FIRST:
            profile.enable()
        elif step == LAST:
            profile.disable()

    with TemporaryDirectory() as folder:
        method.train(stage_context(plan, newest_crops(root, category), Checkpoints(folder), measure))
    stats: Any = pstats.Stats(profile)
    total = stats.total_tt
    log.info("mean step %.3f s", total / (LAST - FIRST))
    for part, functions in PARTS.items():
        seconds = sum(_seconds(stats, function) for function in functions)
        log.info("%5.1f %%  %s", 100 * seconds / total, part)
    log.info("largest resident memory %.2f GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def _seconds(stats: Any, function: Callable[..., object]) -> float:  # noqa: ANN401 - `pstats` has no type for this
    """Time inside a function and what it calls; 0 where it was not called."""
    code = unwrap(function).__code__
    row = stats.stats.get((code.co_filename, code.co_firstlineno, code.co_name))
    return row[3] if row else 0.0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
