"""Training of the embedded quadruped: one animal model of several species, for categories of others to start from.

It learns by MagicPony's losses from crops and masks, as a category does, and is supervised by what is known of
procedural animals: camera and light of each picture, keypoints such as hooves and nose, and points on the surface,
those on the unseen side too.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import Field

from models.core.category import Category
from models.core.config import Config
from models.core.schedule import Schedule
from models.data.augmentation import augment_crops, to_windows
from models.data.crops import Crops
from models.data.framing import crop_animal
from models.data.ground_truth import Truth
from models.embedded.photo_set import Pictures
from models.engine.loop import Checkpoints, fit
from models.features import Vit
from models.features.dense import add_feature_maps
from models.features.head_direction import head_directions
from models.geometry.cameras import look_at
from models.methods.magicpony.config import LossWeights
from models.methods.magicpony.losses import viewpoints
from models.methods.magicpony.losses.lighting import light_distance
from models.methods.magicpony.model import AnimalConfig
from models.methods.magicpony.networks.encoder import EncoderConfig
from models.methods.magicpony.networks.prior import FROM_CONES
from models.methods.magicpony.pretraining.appearance_fitting import AppearanceFitting, AppearanceLearner
from models.methods.magicpony.pretraining.pose_pretraining import PosePretrainingConfig, pretrain_pose
from models.methods.magicpony.pretraining.surface_keypoints import KeypointAnimal
from models.methods.magicpony.terms import Term
from models.methods.magicpony.train import AnimalLearner, TrainingConfig
from models.methods.magicpony.warm_start import write
from models.rendering import ReferenceConfig
from models.truth.barnyard.rig import KEYPOINTS, OPPOSITE_KEYPOINT

CPU = torch.device("cpu")
SHOWN = ("mask", "rgb", "features", "camera", "keypoints", "surface")
"""Losses on the progress line."""
QUADRUPED = Category(name="quadruped", segment_as=("quadruped",))


class QuadrupedTraining(Config):
    """What it learns from, and how."""

    crops: int = Field(default=18_000, ge=1, description="animals cut out of the first photos")
    animal: AnimalConfig = AnimalConfig(
        prior=FROM_CONES, encoder=EncoderConfig(feature_cache_size=36_000), keypoints=KEYPOINTS
    )
    losses: LossWeights = LossWeights(mask_distance=Schedule(30.0), backlight=Schedule(0.0))
    camera: Schedule = Field(default=Schedule(10.0), description="weight of the error of the camera's direction")
    keypoints: Schedule = Field(default=Schedule(3.0), description="weight of the distance to known keypoints")
    surface: Schedule = Field(default=Schedule(9.0), description="weight of the distance to the known surface")
    light: Schedule = Field(default=Schedule(1.0), description="weight of the error of the light's coefficients")
    training: TrainingConfig = TrainingConfig(steps=400, batch=8, rate_pose=3e-4)
    pose_pretraining: PosePretrainingConfig = PosePretrainingConfig()
    appearance: AppearanceFitting = AppearanceFitting(steps=4000)

    def train(self, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Callable[[str], Checkpoints]) -> None:
        """Write a folder for `WarmStart`; goes on from the newest of its checkpoints."""
        train_quadruped(self, pictures, vit, folder, checkpoints)


def train_quadruped(
    config: QuadrupedTraining, pictures: Pictures, vit: Vit, folder: Path, checkpoints: Callable[[str], Checkpoints]
) -> None:
    """Write a folder for `WarmStart`; what has been learnt is not learnt again.

    `checkpoints` gives each of the three trainings their own: quadruped, pose_pretraining, appearance.
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
        fit(learner, training, checkpoints("quadruped"), shown=SHOWN)
    pretrain_pose(
        quadruped, training_set, renderer, config.pose_pretraining, training.seed, checkpoints("pose_pretraining")
    )
    if steps := config.appearance.steps:
        painter = AppearanceLearner(quadruped, training_set, renderer, config.appearance, training.seed)
        loop = training.model_copy(update={"steps": steps})
        fit(painter, loop, checkpoints("appearance"), shown=("rgb", "features", "light"))
        painter.finish()
    write(folder, quadruped.finish(plain), pca, pictures.species)
