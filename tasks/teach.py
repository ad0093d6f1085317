"""The weights that ship: pictures of procedural animals, and the small models that learn from them."""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from models.core.config import Config
from models.embedded.autoencoder_training import round_trip
from models.embedded.feature_training import FeatureTraining, train_features
from models.embedded.keypoint_training import KeypointTraining, train_keypoints
from models.embedded.photo_set import Pictures, join_pictures, load_pictures, render_pictures
from models.embedded.segmenter_training import SegmenterTraining, train_segmenter
from models.embedded.teacher_training import TeacherTraining, train_teacher
from models.features import Vit, VitConfig
from models.methods import Pretraining
from models.truth.barnyard.species import FARM, OTHERS
from storage.runs.checkpoints import Checkpoints
from storage.store import layout
from storage.store.locks import hold_lock
from tasks.runtime.devices import acquire_device

Part = Literal["vit", "teacher", "pointrend", "quadruped", "keypoints"]
"""In the order in which they are taught."""


class BarnyardConfig(Config):
    """How the shipped weights were made."""

    photos: int = Field(default=7200, ge=16, description="photos of each species of the farm")
    other_photos: int = Field(
        default=1440, ge=1, description="photos of each other species, which ViT and quadruped are told of"
    )
    size: int = Field(default=128, ge=32, multiple_of=16, description="pixels along an edge of a photo")
    blurred: int = Field(
        default=2160, ge=1, description="photos that are also shown as the autoencoder gives them back"
    )
    teacher: TeacherTraining = TeacherTraining()
    segmenter: SegmenterTraining = SegmenterTraining()
    features: FeatureTraining = FeatureTraining()
    quadruped: Pretraining = Pretraining()
    keypoints: KeypointTraining = KeypointTraining()


@task(task_run_name="draw-{worker}", cache_policy=NO_CACHE)
def draw(work: str, config: BarnyardConfig, worker: int, workers: int) -> str:
    """A worker's share of the photos; those that are there already are kept."""
    with acquire_device("cpu"):
        for species, count in ((FARM, config.photos), (OTHERS, config.other_photos)):
            render_pictures(Path(work), count, config.size, species=species, worker=worker, workers=workers)
    return work


@task(task_run_name="teach-{part}", cache_policy=NO_CACHE)
def teach(part: Part, work: str, weights: str, config: BarnyardConfig) -> str:
    """One folder of weights, learnt from the photos in `work`; continues from its newest checkpoint there.

    The teacher knows the farm's species, as Stable Diffusion does, and the segmenter all, as COCO's models do. ViT and
    quadruped, from which an animal is learnt, and the reading of keypoints are told of the others alone.
    """
    folder, scratch, checkpoints = Path(layout.member(weights, part)), Path(work), partial(_checkpoints, work)
    with hold_lock(str(folder)), acquire_device("cpu"):
        pictures = _pictures(part, scratch, config)
        match part:
            case "vit":
                train_features(config.features, pictures, folder, checkpoints(part))
            case "teacher":
                train_teacher(config.teacher, pictures, _vit(weights), folder, scratch, checkpoints)
            case "pointrend":
                train_segmenter(config.segmenter, pictures, folder, checkpoints(part), _blur(pictures, config, weights))
            case "quadruped":
                config.quadruped.train(pictures, _vit(weights), folder, checkpoints)
            case "keypoints":
                train_keypoints(config.keypoints, pictures, _vit(weights), folder)
    return str(folder)


def _pictures(part: Part, work: Path, config: BarnyardConfig) -> Pictures:
    if part in ("vit", "quadruped", "keypoints"):
        return load_pictures(work, config.other_photos, species=OTHERS)
    farm = load_pictures(work, config.photos, species=FARM)
    if part == "teacher":
        return farm
    return join_pictures((farm, load_pictures(work, config.other_photos, species=OTHERS)))


def _checkpoints(work: str, training: str) -> Checkpoints:
    """The training states of one training."""
    return Checkpoints(layout.member(work, training))


def _vit(weights: str) -> Vit:
    return VitConfig(model=layout.member(weights, "vit")).build(torch.device("cpu"))


def _blur(pictures: Pictures, config: BarnyardConfig, weights: str) -> np.ndarray:
    """The first photos as they look when the teacher draws them."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    vae = AutoencoderKL.from_pretrained(layout.member(weights, "teacher/vae"), local_files_only=True)
    return round_trip(vae, pictures.image[: config.blurred])
