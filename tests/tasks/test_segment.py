import os
from pathlib import Path

import pytest

from storage.dataset import samples, shards
from storage.store import layout
from storage.store.errors import CorruptArtifact
from tasks.filter import filter
from tasks.generate import generate
from tasks.segment import segment, sheets
from tests.tasks.material import CROPS, PHOTOS


@pytest.fixture
def verdicts(drawn, photos):
    generate.fn(photos, PHOTOS, "cpu")
    return filter.fn(photos, CROPS)


def test_every_animal_fills_a_quarter_of_its_crop(verdicts):
    crops = segment.fn(verdicts, CROPS, "cpu")
    made = list(samples.of_shard(crops))
    assert len(made) == 6
    for each in made:
        assert each.image.shape == (32, 32, 3) and each.mask.shape == (32, 32)
        assert each.mask.mean() == pytest.approx(0.25, abs=0.05)


def test_a_row_for_every_attempt_and_a_reason_for_every_drop(verdicts):
    crops = segment.fn(verdicts, CROPS, "cpu")
    manifest = shards.manifest(crops)
    assert (manifest.rows, manifest.kept, manifest.reasons) == (8, 6, {"blank": 2})
    assert manifest.made_from == shards.manifest(verdicts.photos).tar_sha256


def test_a_photo_without_an_animal_is_dropped_and_the_others_stay(verdicts, monkeypatch):
    first = shards.rows(verdicts.photos, shards.manifest(verdicts.photos))[0]
    monkeypatch.setattr("tests.tasks.material.Red.segment", lambda self, images, classes: [[] for _ in images])
    crops = segment.fn(verdicts, CROPS, "cpu")
    rows = shards.rows(crops, shards.manifest(crops))
    assert rows[0].key == first.key and rows[0].reason == "no instance"


def test_each_photo_is_cut_once_however_many_are_seen_at_a_time(verdicts, monkeypatch):
    monkeypatch.setattr("tasks.segment.BATCH_SIZE", 3)
    crops = segment.fn(verdicts, CROPS, "cpu")
    keys = [row.key for row in shards.rows(crops, shards.manifest(crops))]
    assert keys == [row.key for row in shards.rows(verdicts.photos, shards.manifest(verdicts.photos))]


def test_crops_are_cut_once(verdicts):
    crops = segment.fn(verdicts, CROPS, "cpu")
    state = segment.fn(verdicts, CROPS, "cpu")
    assert state.name == "Reused" and state.data == crops


def test_photos_that_changed_since_they_were_committed_are_refused(verdicts):
    tar = layout.tar(verdicts.photos)
    data = bytearray(Path(tar).read_bytes())
    data[len(data) // 2] ^= 1
    Path(tar).write_bytes(data)
    with pytest.raises(CorruptArtifact, match="has sha256 .*, its manifest says"):
        segment.fn(verdicts, CROPS, "cpu")
    assert os.path.getsize(tar) == len(data)


def test_a_sheet_of_the_kept_and_one_of_the_dropped(verdicts):
    crops = segment.fn(verdicts, CROPS, "cpu")
    kept, dropped = sheets(samples.of_shard(verdicts.photos), samples.of_shard(crops))
    assert kept.shape[1] == 6 * (32 + 4) and dropped.shape[1] == 2 * (48 + 4)
