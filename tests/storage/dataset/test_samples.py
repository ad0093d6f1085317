import os

import numpy as np
import pytest

from storage.dataset import samples as reading
from storage.dataset import shards, snapshots
from storage.store import layout
from storage.store.errors import CorruptArtifact
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, flip, sample, samples


@pytest.fixture
def dataset(root):
    refs = [Store(root).curated("cow", digest(RECIPE), index) for index in range(2)]
    for ref in refs:
        shards.write(ref, samples(20, first=100 * ref.index), RECIPE)
    return snapshots.commit(refs)


def test_every_kept_sample_is_in_one_split_once_and_the_same_each_time(dataset) -> None:
    train, validation = (reading.of_dataset(dataset, split) for split in ("train", "validation"))
    seeds = [each.seed for each in train.rows], [each.seed for each in validation.rows]
    assert sorted(seeds[0] + seeds[1]) == [*range(19), *range(100, 119)]
    assert validation.rows
    assert reading.of_dataset(dataset, "train").rows == train.rows


def test_samples_come_in_any_order(dataset) -> None:
    train = reading.of_dataset(dataset, "train")
    for number in (len(train) - 1, 0, 7, 7):
        found, made = train[number], sample(train.rows[number].seed)
        assert np.array_equal(found.mask, made.mask)
        assert found.valid.shape == found.mask.shape
    assert [each.row for each in train] == list(train.rows)
    with pytest.raises(IndexError):
        train[len(train)]


def test_a_raw_shard_gives_all_that_is_stored(root) -> None:
    ref = Store(root).raw("cow", digest(RECIPE), 0)
    shards.write(ref, samples(4), RECIPE)
    found = reading.of_shard(ref)
    assert [each.row.seed for each in found] == [0, 1, 2]
    assert [row.seed for row in found.absent] == [3]


def test_a_truncated_tar_is_refused_and_not_read_short(shard) -> None:
    shards.write(shard, samples(), RECIPE)
    ref = snapshots.commit([shard])
    os.truncate(layout.tar(shard), os.path.getsize(layout.tar(shard)) - 1024)
    for read in (lambda: reading.of_dataset(ref, "train"), lambda: reading.of_shard(shard)):
        with pytest.raises(CorruptArtifact, match=r"00000\.tar: has [0-9]+ bytes, not [0-9]+; type `farm3d verify"):
            read()


def test_a_flipped_bit_is_refused(shard) -> None:
    shards.write(shard, samples(), RECIPE)
    ref = snapshots.commit([shard])
    flip(layout.tar(shard), 1500)
    with pytest.raises(CorruptArtifact, match=r"00000\.tar: has sha256 "):
        reading.of_dataset(ref, "train")


def test_samples_of_many_shards_are_found_by_key_and_each_shard_is_verified_once(dataset, monkeypatch) -> None:
    refs = [snapshots.shard(dataset, each) for each in snapshots.read(dataset).shards]
    opened, plain = [], reading.of_shard
    monkeypatch.setattr(reading, "of_shard", lambda ref: opened.append(ref.index) or plain(ref))
    stored = reading.ByKey()
    for ref in (*refs, refs[0]):
        for expected in plain(ref):
            assert np.array_equal(stored.sample(ref, expected.row.key).mask, expected.mask)
    assert opened == [0, 1]
