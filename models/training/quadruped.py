"""Training of the embedded quadruped: one animal model of all species, for categories to start from.

It learns as a category does, by MagicPony's losses from crops and masks, but it is told where each camera stood: that
is known of procedural animals, and viewpoint is what takes a category longest to find out. No shape is told.
"""

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from models.animal import AnimalConfig
from models.barnyard.pictures import Pictures
from models.category import Category
from models.config import Config
from models.features import Vit
from models.features.dense import described
from models.filters.crop import cropped
from models.geometry.camera import look_at
from models.losses import viewpoints
from models.methods import MagicPonyConfig
from models.methods.terms import Term
from models.networks.encoder import EncoderConfig
from models.rendering import ReferenceConfig
from models.schedule import Schedule
from models.training.batch import Crops
from models.training.loop import Checkpoints, TrainingConfig, fit
from models.warm_start import write

CPU = torch.device("cpu")
QUADRUPED = Category(name="quadruped", segment_as=("quadruped",))


class QuadrupedTraining(Config):
    """What it learns from, and how."""

    crops: int = Field(default=9000, ge=1, description="animals cut out of the first photos")
    animal: AnimalConfig = AnimalConfig(encoder=EncoderConfig(remembered=18000))
    method: MagicPonyConfig = MagicPonyConfig(uncovered=Schedule(30.0))
    camera: Schedule = Field(default=Schedule(10.0), description="weight of the error of the camera's direction")
    training: TrainingConfig = TrainingConfig(steps=8000, batch=16)


def train_quadruped(
    config: QuadrupedTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Checkpoints
) -> None:
    """Write a folder for `WarmStart`; goes on from the newest of `checkpoints`."""
    count, animal = min(config.crops, len(pictures)), config.animal
    crops = [
        cropped(pictures.image[row], pictures.part[row] > 0, pictures.image.shape[1], int(pictures.view[row]))
        for row in range(count)
    ]
    samples, pca = described(crops, vit, animal.encoder.image, animal.prior.channels)
    torch.manual_seed(config.training.seed)
    learner = animal.build(QUADRUPED, vit)
    method = config.method.build(QUADRUPED)
    camera = Term("camera", lambda step: viewpoints.camera(step.prediction.camera, step.batch), config.camera)
    fit(
        learner,
        replace(method, terms=(*method.terms, camera)),
        config.training,
        Crops(samples, config.training.size, CPU, _towards(pictures, count)),
        ReferenceConfig().build(CPU),
        checkpoints,
        lambda *_: None,
    )
    write(folder, learner, pca)


def _towards(pictures: Pictures, count: int) -> Float[Tensor, "count 3"]:
    """From the animals to the cameras of the first photos."""
    azimuth, elevation = (torch.from_numpy(each[:count]) for each in (pictures.azimuth, pictures.elevation))
    return look_at(azimuth, elevation).T_camera_world[:, 2, :3]
