import random
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from models.filters import DuplicateRules
from models.filters.duplicates import phash
from storage.dataset import catalogue, samples, shards, snapshots
from storage.dataset.encoding import Sample
from storage.dataset.records import NEAR, SampleRow, content_key
from storage.store import layout
from storage.store.references import digest
from tasks.runtime import near_duplicates
from tasks.runtime.near_duplicates import find_duplicates
from tasks.shard import count_kept, shard
from tests.tasks.material import ALIKE, CROPS


def crop(number):
    cloud = gaussian_filter(np.random.default_rng(number).normal(0, 1, (32, 32, 3)), (3, 3, 0))
    return ((cloud - cloud.min()) / np.ptp(cloud) * 255).astype(np.uint8)


def key(index, place):
    return content_key("cow", "test", f"shard {index}", place)


def written(store, index, numbers, hashed=True):
    """A shard of crops; equal numbers are equal pictures."""
    ref = store.curated("cow", digest(CROPS), index)
    made = []
    for place, number in enumerate(numbers):
        row = SampleRow(
            key=key(index, place),
            category="cow",
            prompt=f"shard {index}",
            seed=place,
            model="test",
            model_digest="test",
            photo_width=32,
            photo_height=32,
            phash=f"{phash(crop(number)):016x}" if hashed else "",
        )
        made.append(Sample(row, crop(number), np.ones((32, 32), bool)))
    shards.write(ref, made, CROPS)
    return ref


def files(ref):
    return [Path(each(ref)).read_bytes() for each in (layout.tar, layout.table, layout.manifest)]


@pytest.fixture
def three(store):
    return [written(store, 0, [1, 2]), written(store, 1, [3, 1, 4]), written(store, 2, [4, 5, 5])]


COPIES = {key(1, 1): key(0, 0), key(2, 0): key(1, 2), key(2, 2): key(2, 1)}


def test_a_copy_names_the_first_picture_that_it_resembles_in_whatever_order_shards_are_given(three):
    for seed in range(5):
        mixed = random.Random(seed).sample(three, 3)
        assert find_duplicates(mixed, ALIKE, "cpu").resembles == COPIES


def test_a_snapshot_leaves_copies_out_and_counts_them(three):
    ref = shard.fn(three, 5, ALIKE, "cpu")
    snapshot = snapshots.read(ref)
    assert (snapshot.kept, snapshot.reasons, count_kept(three, ALIKE, "cpu")) == (5, {NEAR: 3}, 5)
    assert snapshot.duplicates.resembles == COPIES
    read = [each.row.key for split in ("train", "validation") for each in samples.of_dataset(ref, split)]
    assert len(read) == 5 and not COPIES.keys() & set(read)
    assert {row.key for row in catalogue.rows(ref) if row.reason == NEAR and not row.kept} == COPIES.keys()


def test_the_same_shards_are_judged_once_and_others_again(three, store, monkeypatch):
    judged, judge = [], near_duplicates.near_duplicates
    monkeypatch.setattr(near_duplicates, "near_duplicates", lambda *some: judged.append(some) or judge(*some))
    count_kept(three, ALIKE, "cpu")
    shard.fn(three, 5, ALIKE, "cpu")
    assert len(judged) == 1
    for url in (layout.manifest, layout.tar, layout.table):
        Path(url(three[2])).unlink()
    changed = [*three[:2], written(store, 2, [6, 5, 5])]
    assert find_duplicates(changed, ALIKE, "cpu").resembles == {key(1, 1): key(0, 0), key(2, 2): key(2, 1)}


def test_a_refresh_compares_with_what_is_there_and_changes_no_shard(store):
    first = written(store, 0, [1, 2])
    before, held = files(first), shard.fn([first], 2, ALIKE, "cpu")
    after = shard.fn([written(store, 1, [2, 3])], 1, ALIKE, "cpu")
    assert snapshots.read(held).kept == 2 and snapshots.read(after).kept == 3
    assert snapshots.read(after).duplicates.resembles == {key(1, 0): key(0, 1)}
    assert files(first) == before


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_shards_that_come_one_by_one_end_as_the_same_data_set(three, order):
    for place in order:
        last = shard.fn([three[place]], 1, ALIKE, "cpu")
    assert snapshots.read(last).duplicates.resembles == COPIES


def test_shards_from_before_hashes_were_written_down_are_hashed_now(store):
    old = written(store, 0, [1, 2], hashed=False)
    assert find_duplicates([old, written(store, 1, [2])], ALIKE, "cpu").resembles == {key(1, 0): key(0, 1)}


def test_near_hashes_alone_make_no_duplicate(three):
    all_near = ALIKE.model_copy(update={"rules": DuplicateRules(bits=64, distance=1e-4)})
    assert find_duplicates(three, all_near, "cpu").resembles == COPIES


def test_other_thresholds_are_another_snapshot_of_the_same_shards(three):
    strict = shard.fn(three, 1, ALIKE, "cpu")
    loose = shard.fn(three, 1, ALIKE.model_copy(update={"rules": DuplicateRules(bits=64, distance=2)}), "cpu")
    assert loose.snapshot == strict.snapshot + 1 and snapshots.read(loose).kept == 1
    assert snapshots.read(loose).shards == snapshots.read(strict).shards


def test_features_may_be_as_far_from_each_other_as_the_rules_say(three, monkeypatch):
    monkeypatch.setattr(near_duplicates, "token_distance", lambda *_: ALIKE.rules.distance)
    assert find_duplicates(three, ALIKE, "cpu").resembles == COPIES
