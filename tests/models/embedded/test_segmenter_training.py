import numpy as np
import pytest
import torch
from PIL import Image

from models.embedded.fitting import FitConfig
from models.embedded.segmenter_training import (
    BACKDROP,
    SegmenterTraining,
    choose_points,
    collect_props,
    paint_meadows,
    train_segmenter,
)
from models.engine.loop import NoCheckpoints
from models.segmenters.pointrend import PointRendConfig, sample, uncertainty
from models.truth.barnyard import FARM

TINY = SegmenterTraining(
    width=8, points=64, sizes=(64,), shares=(1.0, 0.0, 0.0, 0.0, 0.0), things=4, backdrops=4, meadows=2, clutter=3,
    recipe=FitConfig(steps=45, batch=6, rate=8e-3, ema_decay=0.8),
)  # fmt: skip


def test_it_learns_where_the_animal_is(pictures, tmp_path):
    train_segmenter(TINY, pictures, tmp_path / "pointrend", NoCheckpoints())
    segmenter = PointRendConfig(weights=str(tmp_path / "pointrend"), least_score=0.0, known=64).build(
        torch.device("cpu")
    )
    found = segmenter.segment(pictures.image, FARM)
    scores = [
        (best[0].mask & truth).sum() / (best[0].mask | truth).sum()
        for best, truth in zip(found, pictures.part > 0, strict=True)
        if best
    ]
    assert len(scores) >= 5 and np.mean(scores) > 0.5


def test_photos_have_their_species_and_their_other_versions_too(pictures):
    props = collect_props(TINY, pictures, np.zeros_like(pictures.image[:2]))
    assert set(props.photos.label) == {1, 2, 3} and props.photos.mask.shape == pictures.part.shape
    assert props.versions is not None and np.array_equal(props.versions.label, props.photos.label[:2])
    assert not props.versions.image.any() and np.array_equal(props.versions.mask, props.photos.mask[:2])
    assert len(props.backdrops) == 9 and len(props.animals) == 0


def test_artwork_adds_animals_things_and_backdrops(pictures, tmp_path):
    for name in ("pig", "things", "backdrops"):
        (tmp_path / name).mkdir()
        Image.new("RGBA", (40, 30), (9, 9, 9, 255)).save(tmp_path / name / "one.png")
    props = collect_props(TINY.model_copy(update={"artwork": str(tmp_path)}), pictures, None)
    assert props.animals.label.tolist() == [4] and len(props.things) > len(collect_props(TINY, pictures, None).things)
    assert len(props.backdrops) == 23 and (props.backdrops[19] == 9).all()


def test_a_folder_that_is_no_artwork_is_named(pictures, tmp_path):
    with pytest.raises(ValueError, match="artwork: .* has no folder `things`"):
        collect_props(TINY.model_copy(update={"artwork": str(tmp_path)}), pictures, None)


def test_meadows_differ_and_have_a_horizon_or_none():
    meadows = paint_meadows(6, BACKDROP).astype(float)
    assert len({image.tobytes() for image in meadows}) == 6 and meadows.mean() > 60
    assert np.abs(meadows[:, 0].mean((1, 2)) - meadows[:, -1].mean((1, 2))).max() > 20


def test_most_points_lie_where_the_coarse_prediction_is_uncertain():
    coarse = torch.randn(2, 3, 8, 8)
    points = choose_points(SegmenterTraining(points=100), coarse, torch.Generator().manual_seed(0))
    doubt = uncertainty(sample(coarse, points))
    assert points.shape == (2, 100, 2) and doubt[:, :75].mean() > doubt[:, 75:].mean()
