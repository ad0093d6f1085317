import json
import os
from pathlib import Path
from typing import get_args

import pytest
import torch

from models.embedded.autoencoder_training import AutoencoderTraining
from models.embedded.feature_training import FeatureTraining
from models.embedded.fitting import FitConfig
from models.embedded.keypoint_training import KeypointTraining
from models.embedded.photo_set import Pictures
from models.embedded.segmenter_training import SegmenterTraining
from models.embedded.teacher_training import TeacherTraining
from models.features import VitConfig
from models.features.keypoint_reading import KeypointConfig
from models.generators import StableDiffusionConfig
from models.methods.magicpony.pretraining.quadruped import QUADRUPED
from models.methods.magicpony.warm_start import WarmStart
from models.segmenters import PointRendConfig
from models.truth.barnyard.species import FARM, OTHERS, SPECIES
from storage.runs.checkpoints import Checkpoints
from tasks.teach import BarnyardConfig, Part, draw, teach
from tests.models.methods.magicpony.pretraining.test_quadruped import TINY as TINY_QUADRUPED

CPU = torch.device("cpu")
SHORT = FitConfig(steps=2, batch=2)
TINY = BarnyardConfig(
    photos=16,
    other_photos=3,
    size=64,
    blurred=4,
    teacher=TeacherTraining(
        autoencoder=AutoencoderTraining(widths=(8, 8, 8, 16), crop=32, recipe=SHORT, polish=SHORT),
        text_width=32,
        text_layers=1,
        widths=(16, 32),
        recipe=SHORT,
    ),
    segmenter=SegmenterTraining(width=4, things=6, backdrops=4, meadows=2, clutter=2, recipe=SHORT),
    features=FeatureTraining(width=64, layers=1, sizes={0.0: (32,)}, recipe=SHORT),
    quadruped=TINY_QUADRUPED,
    keypoints=KeypointTraining(photos=16, steps=2, batch=2),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Weights that learnt next to nothing, and where they were made."""
    weights, work = (str(tmp_path_factory.mktemp(name)) for name in ("weights", "work"))
    draw.fn(work, TINY, 0, 1)
    for part in get_args(Part):
        teach.fn(part, work, weights, TINY)
    return weights, work


def test_every_part_loads_as_the_shipped_one_does(folders):
    weights, _ = folders
    generator = StableDiffusionConfig(model=f"{weights}/teacher", size=64, steps=2).build(CPU)
    photos = generator.generate(["a brown cow, side view"], [1])
    assert photos.shape == (1, 64, 64, 3)
    PointRendConfig(weights=f"{weights}/pointrend").build(CPU).segment(photos, ("cow",))
    vit = VitConfig(model=f"{weights}/vit").build(CPU)
    assert vit.channels == 64
    KeypointConfig(model=f"{weights}/keypoints").build(CPU).check_vit(vit)
    WarmStart(model=f"{weights}/quadruped").load(TINY_QUADRUPED.animal.build(QUADRUPED, vit))
    for part in ("vit", "quadruped"):
        said = json.loads((Path(weights) / part / "config.json").read_text())
        assert said["told"] == sorted(OTHERS)


def test_the_quadruped_leaves_checkpoints_to_go_on_from(folders):
    assert Checkpoints(f"{folders[1]}/quadruped").steps() == [1, 2]


def test_photos_are_drawn_once(folders):
    _, work = folders
    before = {each.name: each.stat().st_mtime_ns for each in os.scandir(work) if each.name.endswith(".npz")}
    draw.fn(work, TINY, 0, 1)
    assert before and before == {name: os.stat(f"{work}/{name}").st_mtime_ns for name in before}


def test_what_a_category_starts_from_was_told_nothing_of_the_farm(folders, monkeypatch):
    told = {}

    def remember(name):
        def training(*arguments):
            (pictures,) = [argument for argument in arguments if isinstance(argument, Pictures)]
            told[name] = {SPECIES[number] for number in pictures.category}

        return training

    monkeypatch.setattr("tasks.teach.train_features", remember("vit"))
    monkeypatch.setattr("tasks.teach.train_segmenter", remember("pointrend"))
    monkeypatch.setattr("tasks.teach.train_keypoints", remember("keypoints"))
    monkeypatch.setattr(type(TINY.quadruped), "train", remember("quadruped"))
    weights, work = folders
    for part in ("vit", "pointrend", "quadruped", "keypoints"):
        teach.fn(part, work, weights, TINY)
    others = dict.fromkeys(("vit", "quadruped", "keypoints"), set(OTHERS))
    assert told == {**others, "pointrend": set(SPECIES)}
    assert not set(OTHERS) & set(FARM)
