"""Training of the embedded quadruped: one animal model of all species, for categories to start from.

It learns as a category does, by MagicPony's losses from crops, masks and view words; no camera and no shape is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from pydantic import Field

from models.animal import AnimalConfig
from models.barnyard.pictures import Pictures
from models.category import Category
from models.config import Config
from models.features import Vit
from models.features.dense import dense, directions
from models.filters.crop import crop_box, cut
from models.methods import MagicPonyConfig
from models.networks.encoder import EncoderConfig
from models.rendering import ReferenceConfig
from models.training.batch import Crops
from models.training.loop import Checkpoints, TrainingConfig, fit
from models.warm_start import write

CPU = torch.device("cpu")
QUADRUPED = Category(name="quadruped", segment_as=("quadruped",))


class QuadrupedTraining(Config):
    """What it learns from, and how."""

    crops: int = Field(default=2400, ge=1, description="animals cut out of the first photos")
    animal: AnimalConfig = AnimalConfig(encoder=EncoderConfig(remembered=5000))
    method: MagicPonyConfig = MagicPonyConfig()
    training: TrainingConfig = TrainingConfig(steps=3000)


@dataclass(frozen=True)
class Crop:
    """A sample for `Crops`."""

    image: UInt8[ndarray, "size size 3"]
    mask: Bool[ndarray, "size size"]
    valid: Bool[ndarray, "size size"]
    view: int
    features: Float[ndarray, "channels rows columns"] | None = None


def train_quadruped(
    config: QuadrupedTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Checkpoints
) -> None:
    """Write a folder for `WarmStart`; goes on from the newest of `checkpoints`."""
    crops = [_crop(pictures, row) for row in range(min(config.crops, len(pictures)))]
    images, masks = (torch.from_numpy(np.stack([getattr(each, part) for each in crops])) for part in ("image", "mask"))
    pixels = config.animal.encoder.image
    pca = directions(vit, images, masks, pixels, config.animal.prior.channels)
    maps = dense(vit, images, pixels, pca).numpy()
    samples: Sequence[Any] = [replace(each, features=one) for each, one in zip(crops, maps, strict=True)]
    torch.manual_seed(config.training.seed)
    animal = config.animal.build(QUADRUPED, vit)
    fit(
        animal,
        config.method.build(QUADRUPED),
        config.training,
        Crops(samples, config.training.size, CPU),
        ReferenceConfig().build(CPU),
        checkpoints,
        lambda *_: None,
    )
    write(folder, animal, pca)


def _crop(pictures: Pictures, row: int) -> Crop:
    mask = pictures.part[row] > 0
    box, size = crop_box(mask), len(mask)
    image, inside, valid = (cut(each, box, size) for each in (pictures.image[row], mask, np.ones_like(mask)))
    return Crop(image, inside, valid, int(pictures.view[row]))
