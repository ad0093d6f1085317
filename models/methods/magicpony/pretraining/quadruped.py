"""Training of the embedded quadruped: one animal model of several species, for categories of others to start from.

It learns by MagicPony's losses from crops and masks, as a category does, and is supervised by what is known of
procedural animals: camera and light of each picture, keypoints such as hooves and nose, and points on the surface,
those on the unseen side too.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import Field, model_validator
from torch import nn

from models.core.category import Category
from models.core.config import Config
from models.core.schedule import Schedule
from models.data.augmentation import augment_crops, to_windows
from models.data.crops import Crops
from models.data.framing import crop_animal
from models.data.ground_truth import Truth
from models.embedded.photo_set import Pictures
from models.engine.loop import Checkpoints, Panel, Values, fit
from models.engine.optimiser import Optimiser
from models.features import Vit
from models.features.dense import add_feature_maps
from models.features.head_direction import head_directions
from models.geometry.cameras import look_at
from models.methods.magicpony.config import LossWeights
from models.methods.magicpony.losses import viewpoints
from models.methods.magicpony.losses.lighting import light_distance
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.pretraining.pose_pretraining import PosePretrainingConfig, pretrain_pose
from models.methods.magicpony.pretraining.surface_keypoints import KeypointAnimal
from models.methods.magicpony.terms import Term
from models.methods.magicpony.train import AnimalLearner, TrainingConfig
from models.methods.magicpony.warm_start import write
from models.rendering import ReferenceConfig
from models.truth.barnyard.rig import OPPOSITE_KEYPOINT

CPU = torch.device("cpu")
SHOWN = ("mask", "rgb", "features", "camera", "keypoints", "surface")
"""Losses on the progress line."""
QUADRUPED = Category(name="quadruped", segment_as=("quadruped",))


class QuadrupedTraining(Config):
    """What it learns from, and how."""

    crops: int = Field(default=18_000, ge=1, description="animals cut out of the first photos")
    animal: AnimalConfig = AnimalConfig(encoder=EncoderConfig(feature_cache_size=36_000))
    losses: LossWeights = LossWeights(mask_distance=Schedule(30.0), backlight=Schedule(0.0))
    camera: Schedule = Field(default=Schedule(10.0), description="weight of the error of the camera's direction")
    keypoints: Schedule = Field(default=Schedule(3.0), description="weight of the distance to known keypoints")
    surface: Schedule = Field(default=Schedule(9.0), description="weight of the distance to the known surface")
    light: Schedule = Field(default=Schedule(1.0), description="weight of the error of the light's coefficients")
    training: TrainingConfig = TrainingConfig(steps=8000, batch=16, rate_pose=3e-4)
    pose_pretraining: PosePretrainingConfig = PosePretrainingConfig()

    @model_validator(mode="after")
    def _pretrained_within_the_training(self) -> "QuadrupedTraining":
        after, steps = self.pose_pretraining.after, self.training.steps
        if self.pose_pretraining.steps and after >= steps:
            raise ValueError(f"pose_pretraining.after is {after}; give less than training.steps, {steps}")
        return self

    def train(self, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Callable[[str], Checkpoints]) -> None:
        """Write a folder for `WarmStart`; goes on from the newest of its checkpoints."""
        train_quadruped(self, pictures, vit, folder, checkpoints)


def train_quadruped(
    config: QuadrupedTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Callable[[str], Checkpoints]
) -> None:
    """Write a folder for `WarmStart`; what has been learnt is not learnt again.

    `checkpoints` gives each of the two trainings their own: quadruped, pose_pretraining.
    """
    count, animal, training = min(config.crops, len(pictures)), config.animal, config.training
    crops = [
        crop_animal(pictures.image[row], pictures.part[row] > 0, pictures.image.shape[1], int(pictures.view[row]))
        for row in range(count)
    ]
    shown = augment_crops(crops, training.augmentation, training.seed)
    windows = torch.tensor([crop.box[:3] for crop in crops]) / pictures.image.shape[1]
    azimuth, elevation, keypoints, surface, light = (
        torch.from_numpy(values[:count])
        for values in (pictures.azimuth, pictures.elevation, pictures.keypoints, pictures.surface, pictures.light)
    )
    truth = Truth(
        look_at(azimuth, elevation).T_camera_world[:, 2, :3],
        shown.move_points(to_windows(keypoints, windows)),
        shown.move_points(to_windows(surface, windows)),
        light,
        torch.tensor(OPPOSITE_KEYPOINT),
    )
    samples, pca = add_feature_maps(shown.samples, vit, animal.encoder.image, animal.prior.channels)
    torch.manual_seed(training.seed)
    plain = animal.build(QUADRUPED, vit)
    quadruped = KeypointAnimal(plain)
    renderer = ReferenceConfig().build(CPU)
    training_set = Crops(samples, training.size, CPU, shown.seen, truth, head_directions)

    def pretrain() -> None:
        shelf = checkpoints("pose_pretraining")
        pretrain_pose(quadruped, training_set, renderer, config.pose_pretraining, training.seed, shelf)

    objective = config.losses.objective()
    known = (
        Term("camera", lambda step: viewpoints.camera_distance(step.prediction.camera, step.batch), config.camera),
        Term("keypoints", quadruped.keypoint_loss, config.keypoints),
        Term("surface", quadruped.surface_loss, config.surface),
        Term("light", lambda step: light_distance(step.prediction.light, step.batch), config.light),
    )
    objective = replace(objective, terms=(*objective.terms, *known))
    with ThreadPoolExecutor(1) as helper:
        learner = AnimalLearner(quadruped, objective, training, training_set, renderer, helper)
        pretrained = _Pretrained(learner, config.pose_pretraining.after, pretrain)
        fit(pretrained, training, checkpoints("quadruped"), shown=SHOWN)
    write(folder, quadruped.without_keypoints(plain), pca)


@dataclass(frozen=True)
class _Pretrained:
    """A learner that is pre-trained before one of its steps.

    A checkpoint of that step is from before; a run that goes on from it takes the pre-training's own checkpoints.
    """

    learner: AnimalLearner
    before: int
    pretrain: Callable[[], None]

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The learner's."""
        return self.learner.modules

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """The learner's."""
        return self.learner.optimisers

    def step(self, number: int, progress: float) -> Values:
        """The learner's, after the pre-training where its time has come."""
        if number == self.before:
            self.pretrain()
        return self.learner.step(number, progress)

    def panel(self, progress: float) -> Panel:
        """The learner's."""
        return self.learner.panel(progress)
