import numpy as np
import torch

from models.embedded.fitting import FitConfig
from models.embedded.segmenter_training import (
    SegmenterTraining,
    choose_points,
    sample_training_batch,
    train_segmenter,
    vary,
)
from models.engine.loop import NoCheckpoints
from models.segmenters.pointrend import PointRendConfig, sample, uncertainty
from models.truth.barnyard import FARM

TINY = SegmenterTraining(
    width=8, points=64, sizes=(64,), staged=0.0, empty=0.0,
    recipe=FitConfig(steps=40, batch=6, rate=8e-3, ema_decay=0.8),
)  # fmt: skip


def test_it_learns_where_the_animal_is(pictures, tmp_path):
    train_segmenter(TINY, pictures, tmp_path / "pointrend", NoCheckpoints())
    segmenter = PointRendConfig(weights=str(tmp_path / "pointrend")).build(torch.device("cpu"))
    found = segmenter.segment(pictures.image, FARM)
    scores = [
        (best[0].mask & truth).sum() / (best[0].mask | truth).sum()
        for best, truth in zip(found, pictures.part > 0, strict=True)
        if best
    ]
    assert len(scores) >= 5 and np.mean(scores) > 0.5


def test_labels_are_the_species_and_other_versions_of_a_picture_have_its_label(pictures):
    other = np.zeros_like(pictures.image[:2])
    image, label = sample_training_batch(pictures, other, 6, torch.Generator().manual_seed(0))
    assert (image[:3] == 0).all() and (image[3:] > 0).any()
    assert set(label.unique().tolist()) <= {0, 1, 2, 3} and (label[:3] > 0).any()


def test_most_points_lie_where_the_coarse_prediction_is_uncertain():
    coarse = torch.randn(2, 3, 8, 8)
    points = choose_points(SegmenterTraining(points=100), coarse, torch.Generator().manual_seed(0))
    doubt = uncertainty(sample(coarse, points))
    assert points.shape == (2, 100, 2) and doubt[:, :75].mean() > doubt[:, 75:].mean()


def test_varied_pictures_stand_before_other_backdrops_and_some_are_empty(pictures):
    generator = torch.Generator().manual_seed(0)
    image, label = sample_training_batch(pictures, None, 24, generator)
    varied, labels = vary(SegmenterTraining(staged=0.5, empty=0.5), image, label, 48, generator)
    assert varied.shape == (24, 3, 48, 48) and labels.shape == (24, 48, 48)
    assert 4 < (labels.flatten(1).amax(1) == 0).sum() < 20
    assert set(labels.unique().tolist()) <= set(label.unique().tolist())
