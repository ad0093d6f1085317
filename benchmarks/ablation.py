"""What each mechanism is worth: the same crops, learnt from without one of them at a time, over several seeds.

    OMP_NUM_THREADS=1 python benchmarks/ablation.py nothing pictures cow 800 0,1,2 results.jsonl
    OMP_NUM_THREADS=1 python benchmarks/ablation.py quadruped data cow 400 0,1,2 results.jsonl

`nothing` draws photos of 960 procedural animals into the folder `pictures` (they are kept), cuts them out and learns
from nothing: true crops, so that nothing but the mechanism differs; 64 px, grids of 24 and 32, no augmentation and, but
for the rows that say so, no score distillation, so that a row takes minutes. Cameras and keypoints are not told, only
view words, as a generated photo has them. `quadruped` goes on from the embedded quadruped on the newest snapshot of
generated crops in `data`, as `make cow` does. Each row is measured on held-out animals and adds a line to the results;
rows that are there are not trained again. At the end the table is logged: means over the seeds, and the largest
distance from them.
"""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import torch
from jaxtyping import Bool, Int
from models.methods.magicpony.reconstructor import AnimalReconstructor
from snapshot import newest_crops
from torch import Tensor

from flows.plan.plan import Plan, load_plan
from flows.plan.presets import at_scale
from models.core.schedule import Schedule
from models.data.augmentation import Augmentation, augment_crops
from models.data.batch import Batch
from models.data.crops import Crops
from models.data.framing import crop_animal
from models.embedded.photo_set import load_pictures, render_pictures
from models.engine.loop import fit
from models.features import Vit
from models.features.dense import add_feature_maps
from models.methods import MagicPonyConfig
from models.methods.farm3d.distillation import Teacher
from models.methods.magicpony.model import Animal
from models.methods.magicpony.networks import pose
from models.methods.magicpony.warm_start import FromNothing
from models.metrics import evaluate
from models.truth.barnyard.species import SPECIES
from models.truth.held_out import held_out
from storage.runs.checkpoints import Checkpoints

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
NEVER = 2.0
"""A share of the run that does not come, nor at the evaluation, which stands at 1."""
COUNT = 960


def _animal(plan: Plan, **parts: object) -> Plan:
    return plan.model_copy(update={"animal": plan.animal.model_copy(update=parts)})


def _training(plan: Plan, **parts: object) -> Plan:
    return plan.model_copy(update={"training": plan.training.model_copy(update=parts)})


def _without(plan: Plan, *terms: str) -> Plan:
    silent = dict.fromkeys(terms, OFF)
    if isinstance(plan.method, MagicPonyConfig):
        return plan.model_copy(update={"method": plan.method.model_copy(update=silent)})
    reconstruction = plan.method.reconstruction.model_copy(update=silent)
    return plan.model_copy(update={"method": plan.method.model_copy(update={"reconstruction": reconstruction})})


def _taught(plan: Plan) -> Plan:
    """With score distillation as at the scale `laptop`, but from 30 % on and in a dose that moves something."""
    taught = {"reconstruction": plan.method, "sds": Schedule({0.3: 0.0, 0.35: 12.0})}
    return plan.model_copy(update={"method": at_scale("laptop")["method"].model_copy(update=taught)})


HEADLESS, ONE = "no side of the head", "one hypothesis"
"""Rows that no plan has a dial for."""
Rows = dict[str, Callable[[Plan], Plan]]
COMMON: Rows = {
    "all of it": lambda plan: plan,
    "no view word": lambda plan: _animal(plan, pose=plan.animal.pose.model_copy(update={"view_trust": 0.0})),
    "no feature loss": lambda plan: _without(plan, "features", "judge_features"),
    "no articulation": lambda plan: _animal(plan, articulated_from=NEVER),
    "no deformation": lambda plan: _animal(plan, deformed_from=NEVER),
}
ROWS: dict[str, Rows] = {
    "nothing": {
        **COMMON,
        HEADLESS: lambda plan: plan,
        ONE: lambda plan: plan,
        "lamps anywhere": lambda plan: _without(plan, "behind"),
        "with SDS": lambda plan: _taught(plan),
        "lamps anywhere, with SDS": lambda plan: _taught(_without(plan, "behind")),
    },
    "quadruped": {**COMMON, "no SDS": lambda plan: plan.without_sds},
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


class Headless(Crops):
    """A training set that does not know which end is the head."""

    def batch(self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"] | None = None) -> Batch:
        """As it is, but for the heading."""
        return replace(super().batch(rows, flipped), heading=None)


def trained(
    plan: Plan,
    vit: Vit,
    teacher: Teacher,
    crops: list[Any],
    seed: int,
    row: str,
) -> AnimalReconstructor:
    """The animal of one row."""
    training = plan.training.model_copy(update={"seed": seed})
    torch.manual_seed(seed)
    animal: Animal = plan.animal.build(plan.category, vit)
    if row == ONE:
        animal.pose = OneHypothesis(animal.pose.config, animal.pose.head)
    plan.warm_start.load(animal)
    shown = augment_crops(crops, training.augmentation, seed)
    known, _ = add_feature_maps(
        shown.samples, vit, plan.animal.encoder.image, plan.animal.prior.channels, plan.warm_start.pca()
    )
    renderer, method = plan.renderer.build(CPU), plan.method.build(plan.category, teacher)
    seen = (Headless if row == HEADLESS else Crops)(known, training.size, CPU, shown.seen)
    with TemporaryDirectory() as folder:
        fit(animal, method, training, seen, renderer, Checkpoints(folder), lambda *_: None, plan.warm_start.begin)
    return AnimalReconstructor(animal.eval(), renderer)


def photos(folder: Path, category: str) -> list[Any]:
    """The crops of this category among the procedural photos in a folder, drawn first where they are missing."""
    render_pictures(folder, COUNT, 128)
    found = load_pictures(folder, COUNT)
    rows = (found.category == [str(name) for name in SPECIES].index(category)).nonzero()[0]
    return [crop_animal(found.image[row], found.part[row] > 0, 128, int(found.view[row])) for row in rows]


def small(plan: Plan) -> Plan:
    """A plan that learns from nothing in minutes."""
    rates = {
        "rate_shape": 1e-3,
        "rate_pose": 1e-4,
        "rate_rest": 7e-4,
        "size": 64,
        "augmentation": Augmentation(share=0),
    }
    plan = _animal(_training(plan, **rates), prior=plan.animal.prior.model_copy(update={"grid": 24, "fine_grid": 32}))
    method = plan.without_sds.method.model_copy(update={"behind": MagicPonyConfig().behind})
    return plan.model_copy(update={"method": method, "warm_start": FromNothing()})


def main(start: str, folder: str, category: str, steps: int, seeds: list[int], results: Path) -> None:  # noqa: PLR0913 - command line
    """Train and measure what is missing, then log the table."""
    plan = load_plan(category)
    crops = photos(Path(folder), category) if start == "nothing" else newest_crops(folder, category)
    base = _training(small(plan) if start == "nothing" else plan, steps=steps, report_every=steps, panel_every=steps)
    vit, examples = plan.features.build(CPU), held_out(category, plan.truth)
    teacher: Any = plan.generator.build(CPU)
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    for seed in seeds:
        for row, change in ROWS[start].items():
            if any((each["start"], each["row"], each["seed"]) == (start, row, seed) for each in done):
                continue
            begun = monotonic()
            ours = trained(change(base), vit, teacher, crops, seed, row)
            found = evaluate({"ours": ours}, examples, plan.evaluation)
            scores = {each.metric: each.scores["ours"].mean for each in found.rows if "ours" in each.scores}
            done.append({"start": start, "row": row, "seed": seed, "minutes": (monotonic() - begun) / 60, **scores})
            with results.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
            log.info("%s, seed %d: %s", row, seed, {short: round(scores[name], 4) for name, short in SHOWN.items()})
    log.info("| from %s | %s |", start, " | ".join(SHOWN.values()))
    for row in ROWS[start]:
        mine = [each for each in done if (each["start"], each["row"]) == (start, row)]
        log.info("| %s | %s |", row, " | ".join(_cell([each[name] for each in mine]) for name in SHOWN))


def _cell(values: list[float]) -> str:
    digits = 4 if max(values) < 1 else 1
    return f"{mean(values):.{digits}f} ± {max(abs(each - mean(values)) for each in values):.{digits}f}"


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    torch.set_num_threads(1)
    begin, place, animal, count, numbers, table = sys.argv[1:]
    main(begin, place, animal, int(count), [int(each) for each in numbers.split(",")], Path(table))
