"""Training of the embedded PointRend on barnyard photos."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy, one_hot

from models.core.config import Config
from models.core.precision import bf16_autocast
from models.core.weights import replace_folder
from models.data.scenery import compress, stage
from models.data.transforms import degrade, motion, move, recolour
from models.embedded.fitting import FitConfig, train_network
from models.embedded.photo_set import Pictures, sample_batch
from models.engine.loop import Checkpoints
from models.segmenters.pointrend import COARSE, PointNetwork, sample, uncertainty
from models.truth.barnyard.species import SPECIES


class SegmenterTraining(Config):
    """Size and training of the segmenter."""

    width: int = Field(default=16, ge=4, description="channels at half resolution; they double with every halving")
    points: int = Field(default=256, ge=1, description="points asked per picture")
    oversample: int = Field(default=3, ge=1, description="random candidates per point (k of the paper)")
    uncertain: float = Field(default=0.75, ge=0, le=1, description="share of points that are the least certain (beta)")
    sizes: tuple[int, ...] = Field(default=(96, 128), description="pixels of a picture, in turn")
    staged: float = Field(
        default=0.65, ge=0, le=1, description="share of pictures before other backdrops, in other drawing"
    )
    empty: float = Field(default=0.25, ge=0, le=1, description="share of pictures without an animal")
    recipe: FitConfig = FitConfig(steps=2000, batch=32, rate=2e-3, ema_decay=0.998)


def train_segmenter(
    config: SegmenterTraining,
    pictures: Pictures,
    folder: Path,
    checkpoints: Checkpoints,
    extra: UInt8[ndarray, "count size size 3"] | None = None,
) -> None:
    """Write config.json and model.safetensors; `extra` are other versions of the first pictures, with their labels."""
    from safetensors.torch import save_file

    torch.manual_seed(config.recipe.seed)
    labels = SPECIES[: int(pictures.category.max()) + 1]
    network = PointNetwork(labels, config.width).train()

    def loss(step: int, generator: torch.Generator) -> Tensor:
        image, label = sample_training_batch(pictures, extra, config.recipe.batch, generator)
        image, label = vary(config, image, label, config.sizes[step % len(config.sizes)], generator)
        return point_loss(config, network, image, label, generator)

    average = train_network(network, loss, config.recipe, checkpoints).eval()
    with replace_folder(folder) as place:
        (place / "config.json").write_text(json.dumps({"labels": labels, "width": config.width}))
        save_file(average.state_dict(), place / "model.safetensors")


def vary(
    config: SegmenterTraining,
    image: Float[Tensor, "batch 3 size size"],
    label: Int[Tensor, "batch size size"],
    size: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "batch 3 {size} {size}"], Int[Tensor, "batch {size} {size}"]]:
    """The pictures moved, most of them before another backdrop, all as another camera would have kept them."""
    image, label = move(image, label, motion(len(image), generator), size, generator)
    image, label = stage(image, label, config.staged, config.empty, generator)
    return compress(degrade(recolour(image, generator), generator), generator), label


def sample_training_batch(
    pictures: Pictures, extra: UInt8[ndarray, "count size size 3"] | None, batch: int, generator: torch.Generator
) -> tuple[Float[Tensor, "batch 3 size size"], Int[Tensor, "batch size size"]]:
    """Random pictures in [0, 1], half of them from `extra`, and the class of every pixel."""
    index, image = sample_batch(pictures, extra, batch, generator)
    species = pictures.category[index] + 1
    label = np.where(pictures.part[index] > 0, species[:, None, None], 0)
    return image, torch.from_numpy(label).long()


def point_loss(
    config: SegmenterTraining,
    network: PointNetwork,
    image: Float[Tensor, "batch 3 size size"],
    label: Int[Tensor, "batch size size"],
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Cross entropy of the coarse cells and of points, most of which lie where the coarse prediction is uncertain."""
    with bf16_autocast():
        coarse, fine = network(image)
    coarse, fine = coarse.float(), [each.float() for each in fine]
    truth = one_hot(label, len(network.labels) + 1).permute(0, 3, 1, 2).float()
    shares = avg_pool2d(truth, COARSE)
    points = choose_points(config, coarse.detach(), generator)
    with bf16_autocast():
        asked = network.refine(coarse, fine, points).float()
    return cross_entropy(coarse, shares) + cross_entropy(asked, sample(truth, points))


def choose_points(
    config: SegmenterTraining, coarse: Float[Tensor, "batch classes rows columns"], generator: torch.Generator
) -> Float[Tensor, "batch count 2"]:
    """Training points: the least certain of many random ones, and some anywhere (the paper's section 3.1)."""
    batch, count = len(coarse), config.points
    sure = round(config.uncertain * count)
    candidates = torch.rand(batch, config.oversample * count, 2, generator=generator) * 2 - 1
    best = uncertainty(sample(coarse, candidates)).topk(sure, 1).indices
    hard = candidates.gather(1, best[..., None].expand(-1, -1, 2))
    return torch.cat((hard, torch.rand(batch, count - sure, 2, generator=generator) * 2 - 1), 1)
