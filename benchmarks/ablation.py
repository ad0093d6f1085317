"""What each mechanism is worth: the same crops, learnt from without one of them at a time, over several seeds.

    OMP_NUM_THREADS=1 python benchmarks/ablation.py nothing pictures cow 800 0,1,2 results.jsonl
    OMP_NUM_THREADS=1 python benchmarks/ablation.py quadruped data cow 400 0,1,2 results.jsonl
    OMP_NUM_THREADS=1 python benchmarks/ablation.py true pictures cow 400 0,1,2 results.jsonl

`nothing` draws photos of 960 procedural animals into the folder `pictures` (they are kept), cuts them out and learns
from nothing: true crops, so that nothing but the mechanism differs; 64 px, grids of 24 and 32, no augmentation and,
but for the rows that say so, no score distillation, so that a row takes minutes. Cameras and keypoints are not told,
only view words, as a generated photo has them. `quadruped` goes on from the embedded quadruped on the newest snapshot
of generated crops in `data`, as `make cow` does, and `true` on as many true crops. Each row is measured on held-out
animals and adds a line to the results; rows that are there are not trained again. At the end the table is logged:
means over the seeds, and the largest distance from them.
"""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from time import monotonic
from typing import TypeVar

import torch
from jaxtyping import Bool, Int
from snapshot import newest_crops, stage_context
from torch import Tensor

from flows.plan.plan import Plan, load_plan
from models.core.schedule import Schedule
from models.data.augmentation import Augmentation
from models.data.batch import Batch
from models.data.crops import Crops
from models.data.framing import Crop, crop_animal
from models.embedded.photo_set import load_pictures, render_pictures
from models.engine.loop import NoCheckpoints, no_report
from models.features import Vit
from models.methods import MagicPonyConfig
from models.methods.base import Setting, StageContext
from models.methods.farm3d.config import Farm3DConfig
from models.methods.farm3d.presets import with_distillation
from models.methods.magicpony.config import AnimalTraining, LossWeights
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks import pose
from models.methods.magicpony.warm_start import FromNothing
from models.metrics import evaluate
from models.rendering.reconstruction import Reconstructor
from models.truth.barnyard.species import SPECIES
from models.truth.held_out import held_out

log = logging.getLogger("ablation")
SHOWN = {
    "mask IoU": "mask IoU",
    "azimuth within 30 degrees": "az. within 30",
    "azimuth quadrant": "quadrant",
    "Chamfer distance": "Chamfer",
    "keypoint transfer PCK": "PCK",
    "novel view PSNR": "novel PSNR",
    "novel view IoU": "novel IoU",
}
OFF = Schedule(0.0)
NEVER = 2.0
"""A share of the run that does not come, nor at the evaluation, which stands at 1."""
COUNT = 960
AS_MANY = 555
"""Crops that a `make cow` keeps of those it draws."""
SMALL = {"grid": 24, "fine_grid": 32, "first": "ellipsoid"}
Config = TypeVar("Config", bound=AnimalTraining)


class OneHypothesisNetwork(pose.PoseNetwork):
    """A viewpoint network with one answer, free to look from all around."""

    def forward(
        self, keys: Tensor, allowed: Tensor, progress: float, generator: object, misfit: object = None
    ) -> pose.Pose:
        """The first hypothesis, with its direction as it is."""
        raw = self.head(keys)
        view = raw[:, 1:4]
        level = torch.stack((view[:, 0], torch.zeros_like(view[:, 0]), view[:, 2]), -1)
        # Untrained it looks at the animal's head; a small part keeps the direction away from zero.
        forward = torch.nn.functional.normalize(level + level.new_tensor((0.0, 0.0, 0.05)), dim=-1)
        shift = raw[:, 16:].tanh() * raw.new_tensor((self.config.shift, self.config.shift, self.config.depth_range))
        camera = pose.from_pose(forward, shift * pose.HALF_VIEW)
        none = torch.zeros(len(raw), dtype=torch.long)
        return pose.Pose(camera, none, raw[:, 0], torch.full((len(raw),), 0.25), None)


class OneHypothesis(MagicPonyConfig):
    """MagicPony without its four viewpoint hypotheses."""

    def untrained(self, setting: Setting) -> Animal:
        """The animal model with one viewpoint."""
        animal = super().untrained(setting)
        animal.pose = OneHypothesisNetwork(animal.pose.config, animal.pose.head)
        return animal


class HeadlessCrops(Crops):
    """A training set that does not know which end is the head."""

    def __init__(self, crops: Crops) -> None:
        """The same crops."""
        vars(self).update(vars(crops))

    def batch(self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"] | None = None) -> Batch:
        """As it is, but for the heading."""
        return replace(super().batch(rows, flipped), heading=None)


class Headless(MagicPonyConfig):
    """MagicPony without the pseudo-labels of the head's side."""

    def crops(self, context: StageContext, vit: Vit) -> Crops:
        """The training crops without them."""
        return HeadlessCrops(super().crops(context, vit))


def as_method(kind: type[Config], training: AnimalTraining) -> Config:
    """The same training by another method; what only the old one has is left out."""
    return kind(**{name: getattr(training, name) for name in AnimalTraining.model_fields})


def with_animal(training: AnimalTraining, **changes: object) -> AnimalTraining:
    """With other settings of the animal model."""
    return training.model_copy(update={"animal": training.animal.model_copy(update=changes)})


def with_training(training: AnimalTraining, **changes: object) -> AnimalTraining:
    """With other settings of the loop and the optimiser."""
    return training.model_copy(update={"training": training.training.model_copy(update=changes)})


def with_losses(training: AnimalTraining, **weights: Schedule) -> AnimalTraining:
    """With other weights of the photo's own view."""
    return training.model_copy(update={"losses": training.losses.model_copy(update=weights)})


def without_view_word(training: AnimalTraining) -> AnimalTraining:
    """Neither the prompt's view word nor the head's side rule out a viewpoint."""
    return with_animal(training, pose=training.animal.pose.model_copy(update={"view_trust": 0.0}))


def with_sds(training: AnimalTraining) -> AnimalTraining:
    """With score distillation as at the scale `laptop`, but from 30 % on and in a dose that moves something."""
    laptop = Farm3DConfig.preset("laptop")
    schedule = Schedule({0.3: 0.0, 0.35: 12.0})
    return with_distillation(training, laptop.diffusion_prior, laptop.distillation, schedule)


Rows = dict[str, Callable[[AnimalTraining], AnimalTraining]]
COMMON: Rows = {
    "all of it": lambda training: training,
    "no view word": without_view_word,
    "no feature loss": lambda training: with_losses(training, features=OFF, hypothesis_feature_weight=OFF),
    "no articulation": lambda training: with_animal(training, articulated_from=NEVER),
    "no deformation": lambda training: with_animal(training, deformed_from=NEVER),
}
ROWS: dict[str, Rows] = {
    "nothing": {
        **COMMON,
        "no side of the head": lambda training: as_method(Headless, training),
        "one hypothesis": lambda training: as_method(OneHypothesis, training),
        "lamps anywhere": lambda training: with_losses(training, backlight=OFF),
        "with SDS": with_sds,
        "lamps anywhere, with SDS": lambda training: with_sds(with_losses(training, backlight=OFF)),
    },
    "quadruped": {**COMMON, "no SDS": lambda training: as_method(MagicPonyConfig, training)},
    "true": {"no SDS": lambda training: as_method(MagicPonyConfig, training)},
}


def train(plan: Plan, training: AnimalTraining, crops: list[Crop]) -> Reconstructor:
    """What a row answers photos by."""
    context, artifacts = stage_context(plan, crops, NoCheckpoints(), no_report), {}
    for stage in training.stages():
        artifacts[stage.name] = stage.run(replace(context, artifacts=artifacts))
    return training.load(artifacts, context)


def load_photos(folder: Path, category: str) -> list[Crop]:
    """The crops of this category among the procedural photos in a folder, drawn first where they are missing."""
    render_pictures(folder, COUNT, 128)
    pictures = load_pictures(folder, COUNT)
    rows = (pictures.category == [str(name) for name in SPECIES].index(category)).nonzero()[0]
    return [crop_animal(pictures.image[row], pictures.part[row] > 0, 128, int(pictures.view[row])) for row in rows]


def shrink(training: AnimalTraining) -> AnimalTraining:
    """A training that learns from nothing in minutes, without score distillation."""
    rates = {"rate_shape": 1e-3, "rate_pose": 1e-4, "rate_rest": 7e-4}
    training = with_training(as_method(MagicPonyConfig, training), **rates, size=64, augmentation=Augmentation(share=0))
    training = with_animal(training, prior=training.animal.prior.model_copy(update=SMALL))
    training = with_losses(training, backlight=LossWeights().backlight)
    return training.model_copy(update={"warm_start": FromNothing()})


def main(start: str, folder: str, category: str, steps: int, seeds: list[int], results: Path) -> None:  # noqa: PLR0913 - command line
    """Train and measure what is missing, then log the table."""
    plan = load_plan(category)
    assert isinstance(plan.method, AnimalTraining)
    crops = newest_crops(folder, category) if start == "quadruped" else load_photos(Path(folder), category)
    crops = crops[:AS_MANY] if start == "true" else crops
    base = with_training(
        shrink(plan.method) if start == "nothing" else plan.method,
        steps=steps,
        report_every=steps,
        panel_every=steps,
        save_every=steps,
    )
    examples = held_out(category, plan.held_out)
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    for seed in seeds:
        for row, change in ROWS[start].items():
            if any((record["start"], record["row"], record["seed"]) == (start, row, seed) for record in done):
                continue
            begun = monotonic()
            ours = train(plan, with_training(change(base), seed=seed), crops)
            evaluation = evaluate({"ours": ours}, examples, plan.evaluation)
            scores = {line.metric: line.scores["ours"].mean for line in evaluation.rows if "ours" in line.scores}
            done.append({"start": start, "row": row, "seed": seed, "minutes": (monotonic() - begun) / 60, **scores})
            with results.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            log.info("%s, seed %d: %s", row, seed, {short: round(scores[name], 4) for name, short in SHOWN.items()})
    log.info("| from %s | %s |", start, " | ".join(SHOWN.values()))
    for row in ROWS[start]:
        mine = [record for record in done if (record["start"], record["row"]) == (start, row)]
        log.info("| %s | %s |", row, " | ".join(_cell([record[name] for record in mine]) for name in SHOWN))


def _cell(values: list[float]) -> str:
    digits = 4 if max(values) < 1 else 1
    return f"{mean(values):.{digits}f} ± {max(abs(value - mean(values)) for value in values):.{digits}f}"


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    torch.set_num_threads(1)
    begin, place, animal, count, numbers, table = sys.argv[1:]
    main(begin, place, animal, int(count), [int(number) for number in numbers.split(",")], Path(table))
