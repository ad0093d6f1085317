import numpy as np
import pytest

from storage.dataset import catalogue
from tasks.reports.sheets import THUMB, evenly_spaced, sheets, thumbnail
from tasks.runtime import artifacts

STRIP = 16 + 4


def test_kept_crops_and_dropped_photos_of_all_shards_are_shown(crops):
    kept, dropped = sheets(crops, catalogue.rows_with_shard(crops))
    assert kept.shape == (2 * (THUMB + STRIP), 8 * (THUMB + 4), 3)
    assert dropped.shape == (THUMB + STRIP, 4 * (THUMB + 4), 3)


def test_a_rare_reason_is_shown_beside_a_frequent_one(crops, monkeypatch):
    index = catalogue.rows_with_shard(crops)
    number = next(place for place, (_, row) in enumerate(index) if row.kept)
    ref, row = index[number]
    index[number] = ref, row.model_copy(update={"kept": False, "reason": "border"})
    told = []
    monkeypatch.setattr(artifacts, "MOST_PICTURES", 3)
    monkeypatch.setattr(artifacts, "sheet", lambda pictures: told.append([caption for _, caption in pictures]))
    sheets(crops, index)
    assert told[1] == ["blank", "border"] and len(told[0]) == 3


@pytest.mark.parametrize(("many", "count"), [(0, 3), (2, 3), (3, 3), (100, 7), (5, 1)])
def test_they_lie_at_even_distances(many, count):
    chosen = evenly_spaced(range(many), count)
    assert len(chosen) == min(many, count) and sorted(set(chosen)) == chosen
    steps = np.diff(chosen)
    assert not len(steps) or np.ptp(steps) <= 1


def test_a_thumbnail_is_a_square_with_the_whole_picture():
    wide = np.zeros((10, 40, 3), np.uint8)
    small = thumbnail(wide)
    assert small.shape == (THUMB, THUMB, 3) and (small == 0).mean() == pytest.approx(0.25, abs=0.02)
