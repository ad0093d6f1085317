import pytest

from models.core.errors import NothingKept
from storage.dataset import snapshots
from tasks.shard import count_kept, shard
from tests.tasks.material import ALIKE, made


def test_a_snapshot_lists_the_shards_and_what_was_dropped(drawn, store):
    crops = made(store, 2)
    snapshot = snapshots.read(shard.fn(crops, 12, ALIKE, "cpu"))
    assert (snapshot.rows, snapshot.kept, snapshot.reasons) == (16, 12, {"blank": 4})
    assert count_kept(crops, ALIKE, "cpu") == 12


def test_the_same_shards_are_the_same_snapshot(drawn, store):
    crops = made(store, 1)
    assert shard.fn(crops, 1, ALIKE, "cpu") == shard.fn(crops, 1, ALIKE, "cpu")


def test_a_refresh_adds_and_an_older_snapshot_stays(drawn, store):
    first = shard.fn(made(store, 1), 1, ALIKE, "cpu")
    second = shard.fn(made(store, 2), 12, ALIKE, "cpu")
    assert second.snapshot == first.snapshot + 1
    assert snapshots.read(second).shards[:1] == snapshots.read(first).shards


def test_too_few_crops_are_told_with_reasons_and_remedy(drawn, store):
    with pytest.raises(NothingKept, match=r"cow: 6 of 8 photos survived .* 7 are wanted; dropped: blank 2; .*loosen"):
        shard.fn(made(store, 1), 7, ALIKE, "cpu")
