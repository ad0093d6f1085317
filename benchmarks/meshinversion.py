"""MeshInversion on held-out animals: beside the best of random latents, and by each texture loss of its ablation.

    python -m benchmarks.meshinversion cow FOLDER

trains the `laptop` preset into FOLDER, going on from where it was stopped, and measures ten held-out animals of each
of three seeds: the mask, the photo's colours, the back view beside the mirrored photo, and how far samples are from
animals (Fréchet distance of tokens of the transformer, mean over the animal; comparable within one call alone). The
first sixteen of them are searched by each texture loss. What is measured is kept in FOLDER/numbers.jsonl.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import sqrtm

from benchmarks.stages import train_stages
from models.core.category import Category
from models.data.crops import random
from models.features.vit import Vit
from models.methods.base import Setting
from models.methods.meshinversion.config import MeshInversionConfig
from models.methods.meshinversion.model import AnimalGenerator, draw, sample_latents
from models.methods.meshinversion.reconstruction import InversionReconstructor
from models.methods.meshinversion.state import Pictures, true_lessons
from models.methods.meshinversion.warm_start import see
from models.metrics.outcomes import Outcome, outcomes
from models.metrics.silhouette import iou
from models.metrics.views import masked_psnr
from models.rendering.reference import Reference
from models.rendering.types import front_light
from models.truth.examples import Example
from models.truth.held_out import HeldOutConfig, held_out

CPU = torch.device("cpu")
logger = logging.getLogger(__name__)
SAMPLES = 160
"""Animals on each side of the Fréchet distance."""
SEEDS, ANIMALS, ABLATED = (1, 2, 3), 10, 16
TEXTURES = ("chamfer", "l1", "perceptual", "contextual")
Numbers = dict[str, float]


class Measured:
    """Numbers of animals, one line each in a file."""

    def __init__(self, file: Path) -> None:
        """What stands in the file is known."""
        file.touch()
        self.file = file
        self.rows = {line["what"]: line for line in map(json.loads, file.read_text().splitlines())}

    def measure(self, name: str, method: InversionReconstructor, examples: Sequence[Example]) -> Numbers:
        """Means over the animals."""
        for example in examples:
            what = f"{name}, {example.key}"
            if what not in self.rows:
                began = process_time()
                (outcome,) = outcomes(method, [example], 1)
                numbers = {"what": what, **_numbers(example, outcome), "seconds of a core": process_time() - began}
                self.rows[what] = numbers
                with self.file.open("a") as file:
                    file.write(json.dumps(numbers) + "\n")
        rows = [self.rows[f"{name}, {example.key}"] for example in examples]
        return {key: round(float(np.nanmean([row[key] for row in rows])), 4) for key in rows[0] if key != "what"}


def _numbers(example: Example, outcome: Outcome) -> Numbers:
    """The back view is measured where either of the two pictures has the animal; the photo is its own mirror image."""
    image, mask = example.crop.image[0].numpy(), example.crop.mask[0].numpy() > 0.5
    (photo,), back = outcome.photo, outcome.turned[-1]
    known, there = example.turned[-1].image.numpy(), example.turned[-1].mask.numpy() > 0.5
    copied = (image * mask[..., None])[:, ::-1], mask[:, ::-1]
    return {
        "mask IoU": iou(photo.mask, mask),
        "photo PSNR": masked_psnr(photo.rgb, image * mask[..., None], mask),
        "back IoU": iou(back.mask, there),
        "back PSNR": masked_psnr(back.rgb * back.mask[..., None], known, there),
        "mirrored photo IoU": iou(copied[1], there),
        "mirrored photo PSNR": masked_psnr(copied[0], known, there),
    }


@torch.no_grad()
def distances(category: str, generators: dict[str, AnimalGenerator], vit: Vit, size: int) -> Numbers:
    """Fréchet distance of samples to animals of the training, from the same cameras; and of half to half of these."""
    held = Pictures(list(true_lessons(category, SAMPLES, size)), size)
    rows = torch.arange(SAMPLES)
    pictures, placement = held.batch(rows, torch.zeros(SAMPLES, dtype=torch.bool))
    known = _features(vit, pictures)
    answers = {"animals, half to half": frechet(known[::2], known[1::2])}
    for name, generator in generators.items():
        animals = generator.animals(sample_latents(SAMPLES, random("samples")))
        drawn = draw(Reference(), animals, placement, front_light(SAMPLES, CPU), size)
        picture = torch.cat((drawn.rgb, drawn.mask[..., None]), -1).permute(0, 3, 1, 2)
        answers[name] = frechet(known, _features(vit, picture))
    return {name: round(value, 3) for name, value in answers.items()}


def _features(vit: Vit, pictures: Float[torch.Tensor, "count 4 size size"]) -> Float[np.ndarray, "count channels"]:
    """Mean token over the animal."""
    means = list[torch.Tensor]()
    for some in pictures.split(20):
        tokens, cover = see(vit, some[:, :3].permute(0, 2, 3, 1).clamp(0, 1), some[:, 3])
        means.append((tokens * cover[:, None]).sum((2, 3)) / cover.sum((1, 2)).clamp(min=1e-3)[:, None])
    return torch.cat(means).double().numpy()


def frechet(one: Float[np.ndarray, "count channels"], other: Float[np.ndarray, "others channels"]) -> float:
    """Between the normal distributions with the means and covariances of both (Heusel et al. 2017)."""
    a, b = np.cov(one.T), np.cov(other.T)
    root = np.real(np.asarray(sqrtm(a @ b)))
    return float(np.square(one.mean(0) - other.mean(0)).sum() + np.trace(a + b - 2 * root))


def main(category: str, folder: Path) -> None:
    """Train, measure, print."""
    config = MeshInversionConfig.preset("laptop")
    vit = config.vit.build(CPU)
    artifacts = train_stages(category, folder, config, lambda part: vit)
    setting = Setting(Category(name=category, segment_as=(category,)), CPU, Reference(), lambda part: vit)
    trained, untrained = config.load(artifacts, setting), config.load({}, setting).generator
    untrained.mean.copy_(trained.generator.mean)
    untrained.deviation.copy_(trained.generator.deviation)
    logger.info("%s", distances(category, {"untrained": untrained, "trained": trained.generator}, vit, config.size))
    measured, every = Measured(folder / "numbers.jsonl"), list[Example]()
    for seed in SEEDS:
        examples = held_out(category, HeldOutConfig(scenes=ANIMALS, first=100 * seed, size=config.size))
        every += examples
        for name, method in {"best latent": trained, config.search.texture: trained.refined()}.items():
            logger.info("seed %d, %s: %s", seed, name, measured.measure(name, method, examples))
    for texture in TEXTURES:
        search = config.search.model_copy(update={"texture": texture})
        method = replace(trained.refined(), search=search)
        logger.info("%s: %s", texture, measured.measure(texture, method, every[:ABLATED]))


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(message)s")
    torch.set_num_threads(1)
    main(sys.argv[1], Path(sys.argv[2]))
