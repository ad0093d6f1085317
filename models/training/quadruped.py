"""Training of the embedded quadruped: one animal model of all species, for categories to start from.

It learns as a category does, by MagicPony's losses from crops and masks, but it is told where each camera stood and
where keypoints such as hooves and nose fall: that is known of procedural animals, and it is what takes a category
longest to find out. No shape is told.
"""

from dataclasses import replace
from pathlib import Path

import torch
from pydantic import Field
from torch import nn

from models.animal import Animal, AnimalConfig
from models.barnyard.pictures import Pictures
from models.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT
from models.category import Category
from models.config import Config
from models.features import Vit
from models.features.dense import described
from models.filters.crop import cropped
from models.geometry.camera import look_at
from models.losses import viewpoints
from models.losses.keypoints import keypoints
from models.methods import MagicPonyConfig
from models.methods.terms import Step, Term
from models.networks.encoder import EncoderConfig
from models.rendering import ReferenceConfig
from models.schedule import Schedule
from models.training.augmentation import augmented
from models.training.batch import Crops
from models.training.loop import Checkpoints, TrainingConfig, fit
from models.truth import Truth
from models.warm_start import write

CPU = torch.device("cpu")
QUADRUPED = Category(name="quadruped", segment_as=("quadruped",))
MARKERS = {
    "nose": (0.0, 0.4, 1.9),
    "eye": (0.15, 0.6, 1.6),
    "ear": (0.2, 0.8, 1.4),
    "throat": (0.0, 0.3, 1.3),
    "withers": (0.0, 0.7, 0.8),
    "tail_base": (0.0, 0.6, -1.3),
    "knee": (0.3, -0.7, 0.8),
    "hock": (0.3, -0.7, -1.0),
    "fore_hoof": (0.3, -1.4, 0.8),
    "hind_hoof": (0.3, -1.4, -1.0),
}
"""About where the keypoints of the left side begin, object frame; training finds their places."""


class QuadrupedTraining(Config):
    """What it learns from, and how."""

    crops: int = Field(default=12_000, ge=1, description="animals cut out of the first photos")
    animal: AnimalConfig = AnimalConfig(encoder=EncoderConfig(remembered=24_000))
    method: MagicPonyConfig = MagicPonyConfig(uncovered=Schedule(30.0))
    camera: Schedule = Field(default=Schedule(10.0), description="weight of the error of the camera's direction")
    keypoints: Schedule = Field(default=Schedule(3.0), description="weight of the distance to known keypoints")
    training: TrainingConfig = TrainingConfig(steps=8000, batch=16, rate_pose=3e-4)


class _Marked(Animal):
    """An animal with places for keypoints, which are thrown away after the training."""

    def __init__(self, animal: Animal) -> None:
        super().__init__(animal.config, animal.skeleton, animal.tokens.vit)
        self.load_state_dict(animal.state_dict())
        self.markers = nn.Parameter(torch.tensor([_marker(name) for name in KEYPOINTS]))

    def error(self, step: Step) -> torch.Tensor:
        """How far the markers are from the known keypoints."""
        found = step.prediction
        return keypoints(self.markers, found.prior, found.mesh, found.camera, step.batch)


def train_quadruped(
    config: QuadrupedTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Checkpoints
) -> None:
    """Write a folder for `WarmStart`; goes on from the newest of `checkpoints`."""
    count, animal, training = min(config.crops, len(pictures)), config.animal, config.training
    crops = [
        cropped(pictures.image[row], pictures.part[row] > 0, pictures.image.shape[1], int(pictures.view[row]))
        for row in range(count)
    ]
    shown = augmented(crops, training.augmentation, training.seed)
    boxes = torch.tensor([crop.box for crop in crops])
    keypoints = torch.from_numpy(pictures.keypoints[:count] + 1) / 2 * pictures.image.shape[1]
    azimuth, elevation = (torch.from_numpy(each[:count]) for each in (pictures.azimuth, pictures.elevation))
    truth = Truth(
        look_at(azimuth, elevation).T_camera_world[:, 2, :3],
        shown.moved((keypoints - boxes[:, None, :2]) / boxes[:, None, 2:] * 2 - 1),
        torch.tensor(OPPOSITE_KEYPOINT),
    )
    samples, pca = described(shown.samples, vit, animal.encoder.image, animal.prior.channels)
    torch.manual_seed(training.seed)
    taught = animal.build(QUADRUPED, vit)
    learner = _Marked(taught)
    method = config.method.build(QUADRUPED)
    known = (
        Term("camera", lambda step: viewpoints.camera(step.prediction.camera, step.batch), config.camera),
        Term("keypoints", learner.error, config.keypoints),
    )
    fit(
        learner,
        replace(method, terms=(*method.terms, *known)),
        training,
        Crops(samples, training.size, CPU, shown.seen, truth),
        ReferenceConfig().build(CPU),
        checkpoints,
        lambda *_: None,
    )
    state = learner.state_dict()
    taught.load_state_dict({name: state[name] for name in taught.state_dict()})
    write(folder, taught, pca)


def _marker(name: str) -> tuple[float, float, float]:
    side, _, rest = name.partition("_")
    x, y, z = MARKERS[rest if side in ("left", "right") else name]
    return (-x if side == "right" else x), y, z
