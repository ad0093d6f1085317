"""What each mechanism is worth: the same crops, learnt from without one of them at a time, over several seeds.

    OMP_NUM_THREADS=1 python benchmarks/ablation.py pictures cow 1000 0,1,2 results.jsonl

Draws 960 procedural photos into the folder `pictures` (they are kept), cuts the animals out, trains each row for so
many steps from nothing, measures it on held-out animals and adds a line to the results; rows that are there are not
trained again. At the end it logs the table: means over the seeds, and the largest distance from them. True crops, so
that nothing but the mechanism differs; 64 px, grids of 24 and 32, no score distillation and no augmentation, so that
a row takes minutes. Cameras and keypoints are not told, only view words, as a generated photo has them.
"""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import torch
from torch import Tensor

from flows.plan import Plan, load_plan
from models.animal import Animal
from models.barnyard.pictures import load_pictures, render_pictures
from models.barnyard.species import SPECIES
from models.features import Vit
from models.features.dense import described
from models.filters.crop import cropped
from models.generators import StableDiffusion
from models.methods import MagicPonyConfig
from models.metrics import evaluate
from models.metrics.held_out import held_out
from models.networks import pose
from models.reconstruction import AnimalReconstructor
from models.schedule import Schedule
from models.training.augmentation import Augmentation, augmented
from models.training.batch import Crops
from models.training.loop import fit
from storage.checkpoints import Checkpoints

log = logging.getLogger("ablation")
CPU = torch.device("cpu")
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
COUNT = 960


def _animal(plan: Plan, **parts: object) -> Plan:
    return plan.model_copy(update={"animal": plan.animal.model_copy(update=parts)})


def _training(plan: Plan, **parts: object) -> Plan:
    return plan.model_copy(update={"training": plan.training.model_copy(update=parts)})


def _without_features(plan: Plan) -> Plan:
    return plan.model_copy(update={"method": MagicPonyConfig(features=OFF, judge_features=OFF)})


ROWS: dict[str, Callable[[Plan], Plan]] = {
    "all of it": lambda plan: plan,
    "no view word": lambda plan: _animal(plan, pose=plan.animal.pose.model_copy(update={"view_trust": 0.0})),
    "one hypothesis": lambda plan: plan,
    "no feature loss": _without_features,
    "no articulation": lambda plan: _animal(plan, articulated_from=1.0, attached_from=1.0),
    "no deformation": lambda plan: _animal(plan, deformed_from=1.0),
    "with SDS": lambda plan: plan.model_copy(update={"method": load_plan(plan.category.name).method}),
    "with augmentation": lambda plan: _training(plan, augmentation=Augmentation()),
}


class OneHypothesis(pose.PoseNetwork):
    """A viewpoint network with one answer, free to look from all around."""

    def forward(self, keys: Tensor, allowed: Tensor, progress: float, generator: object) -> pose.Pose:
        """The first hypothesis, with its direction as it is."""
        raw = self.head(keys)
        view = raw[:, 1:4]
        ahead = torch.stack((view[:, 0], torch.zeros_like(view[:, 0]), view[:, 2]), -1)
        # Untrained it looks at the animal's head; a small part keeps the direction away from zero.
        forward = torch.nn.functional.normalize(ahead + ahead.new_tensor((0.0, 0.0, 0.05)), dim=-1)
        shift = raw[:, 16:].tanh() * raw.new_tensor((self.config.shift, self.config.shift, self.config.approach))
        camera = pose.from_pose(forward, shift * pose.HALF_VIEW)
        none = torch.zeros(len(raw), dtype=torch.long)
        return pose.Pose(camera, none, raw[:, 0], torch.full((len(raw),), 0.25), None)


def trained(
    plan: Plan, crops: list[Any], teacher: StableDiffusion, vit: Vit, seed: int, one: bool
) -> AnimalReconstructor:
    """The animal of one row."""
    training = plan.training.model_copy(update={"seed": seed})
    torch.manual_seed(seed)
    animal: Animal = plan.animal.build(plan.category, vit)
    if one:
        animal.pose = OneHypothesis(animal.pose.config, animal.pose.head)
    shown = augmented(crops, training.augmentation, seed)
    known, _ = described(shown.samples, vit, plan.animal.encoder.image, plan.animal.prior.channels)
    renderer, method = plan.renderer.build(CPU), plan.method.build(plan.category, teacher)
    seen = Crops(known, training.size, CPU, shown.seen)
    with TemporaryDirectory() as folder:
        fit(animal, method, training, seen, renderer, Checkpoints(folder), lambda *_: None)
    return AnimalReconstructor(animal.eval(), renderer)


def photos(folder: Path, category: str) -> list[Any]:
    """The crops of this category among the procedural photos in a folder, drawn first where they are missing."""
    render_pictures(folder, COUNT, 128)
    found = load_pictures(folder, COUNT)
    rows = (found.category == [str(name) for name in SPECIES].index(category)).nonzero()[0]
    return [cropped(found.image[row], found.part[row] > 0, 128, int(found.view[row])) for row in rows]


def main(folder: Path, category: str, steps: int, seeds: list[int], results: Path) -> None:
    """Train and measure what is missing, then log the table."""
    laptop = load_plan(category)
    rates = {"steps": steps, "rate_shape": 1e-3, "rate_rest": 7e-4, "report_every": steps, "panel_every": steps}
    small = _training(laptop, **rates, size=64, augmentation=Augmentation(share=0))
    small = _animal(small, prior=laptop.animal.prior.model_copy(update={"grid": 24, "fine_grid": 32}))
    base = small.model_copy(update={"method": MagicPonyConfig()})
    crops = photos(folder, category)
    vit, teacher = laptop.features.build(CPU), laptop.generator.build(CPU)
    examples = held_out(category, laptop.truth)
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    for seed in seeds:
        for row, change in ROWS.items():
            if any(each["row"] == row and each["seed"] == seed for each in done):
                continue
            begun = monotonic()
            ours = trained(change(base), crops, teacher, vit, seed, row == "one hypothesis")
            found = evaluate({"ours": ours}, examples, laptop.evaluation)
            scores = {each.metric: each.scores["ours"].mean for each in found.rows if "ours" in each.scores}
            done.append({"row": row, "seed": seed, "minutes": (monotonic() - begun) / 60, **scores})
            with results.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            log.info("%s, seed %d: %s", row, seed, {short: round(scores[name], 4) for name, short in SHOWN.items()})
    log.info("| | %s |", " | ".join(SHOWN.values()))
    for row in ROWS:
        cells = [_cell([each[name] for each in done if each["row"] == row]) for name in SHOWN]
        log.info("| %s | %s |", row, " | ".join(cells))


def _cell(values: list[float]) -> str:
    digits = 4 if max(values) < 1 else 1
    return f"{mean(values):.{digits}f} ± {max(abs(each - mean(values)) for each in values):.{digits}f}"


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    torch.set_num_threads(1)
    pictures, animal, count, numbers, table = sys.argv[1:]
    main(Path(pictures), animal, int(count), [int(each) for each in numbers.split(",")], Path(table))
