import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.dataset import shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.pages import SHARDS
from storage.dataset.records import NEAR, Duplicates
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, StorageFull
from storage.store.layout import Store
from storage.store.references import ShardRef, digest
from tests.storage.deaths import ended, forked, full_after, killed_at
from tests.storage.material import RECIPE, samples

OTHER = {"generator": "drawn", "size": 32}


def shard(root: str, index: int, recipe: dict = RECIPE) -> ShardRef:
    ref = Store(root).curated("cow", digest(recipe), index)
    shards.write(ref, samples(3, first=10 * index), recipe)
    return ref


def indices(ref) -> list[int]:
    return [each.index for each in snapshots.read(ref).shards]


def test_a_snapshot_lists_its_shards_and_what_is_in_them(root) -> None:
    ref = snapshots.commit([shard(root, 1), shard(root, 0)])
    found = snapshots.read(ref)
    assert (found.id, found.parent, found.config) == (1, None, RECIPE)
    assert (found.rows, found.kept, found.reasons) == (6, 4, {"too small": 2})
    assert [each.index for each in found.shards] == [0, 1]


def test_a_refresh_adds_and_forgets_nothing_and_old_snapshots_stay(root) -> None:
    first = snapshots.commit([shard(root, 0), shard(root, 1)])
    second = snapshots.commit([shard(root, 2)])
    assert (indices(first), indices(second)) == ([0, 1], [0, 1, 2])
    assert snapshots.read(second).parent == first.snapshot
    assert snapshots.numbers(second.root, "cow") == [1, 2]


def test_nothing_new_is_no_new_snapshot(root) -> None:
    first = snapshots.commit([shard(root, 0), shard(root, 1)])
    assert snapshots.commit([shard(root, 1)]) == first
    assert snapshots.numbers(first.root, "cow") == [1]


def test_a_clock_that_goes_backwards_between_two_commits_changes_nothing(folder) -> None:
    first = snapshots.commit([shard(folder, 0)])
    for path in (each for each in Path(folder).rglob("*") if each.is_file()):
        os.utime(path, (2**32, 2**32))
    second = snapshots.commit([shard(folder, 1)])
    os.utime(layout.snapshot(second), (0, 0))
    assert snapshots.numbers(folder, "cow")[-1] == second.snapshot == first.snapshot + 1
    assert snapshots.read(second).parent == first.snapshot and indices(second) == [0, 1]
    assert snapshots.commit([shard(folder, 0)]) == second


def test_a_full_disk_leaves_the_snapshots_that_were_there(folder, monkeypatch) -> None:
    first = snapshots.commit([shard(folder, 0)])
    more = shard(folder, 1)
    full_after(0, monkeypatch)
    with pytest.raises(StorageFull, match="there is no room for"):
        snapshots.commit([more])
    monkeypatch.undo()
    assert indices(first) == [0]
    assert indices(snapshots.commit([more])) == [0, 1]


def test_foreign_files_among_snapshots_are_none(folder) -> None:
    ref = snapshots.commit([shard(folder, 0)])
    for name in ("notes.txt", "000009.json.bak", "copy of 000001.json", "7"):
        files.put(f"{layout.snapshots(folder, 'cow')}/{name}", b"foreign")
    assert snapshots.numbers(folder, "cow") == [ref.snapshot]
    assert snapshots.commit([shard(folder, 1)]).snapshot == ref.snapshot + 1


def test_the_judge_of_duplicates_sees_all_shards_in_their_order_and_what_it_finds_is_left_out(root) -> None:
    seen = []

    def judge(found) -> Duplicates:
        seen.append([ref.index for ref in found])
        return Duplicates(config={"bits": 4}, resembles={"cow-b": "cow-a"})

    plain = snapshots.commit([shard(root, 2)])
    judged = snapshots.commit([shard(root, 1), shard(root, 0)], judge)
    assert seen == [[0, 1, 2]]
    found = snapshots.read(judged)
    assert (found.kept, found.reasons) == (5, {"too small": 3, NEAR: 1})
    assert snapshots.read(snapshots.commit([shard(root, 0)])).kept == 6
    assert snapshots.read(plain).kept == 2


def test_every_recipe_has_its_own_line(root) -> None:
    small = snapshots.commit([shard(root, 0)])
    large = snapshots.commit([shard(root, 0, OTHER)])
    assert (large.snapshot, snapshots.read(large).parent) == (2, None)
    assert snapshots.commit([shard(root, 0)]) == small
    assert snapshots.read(snapshots.commit([shard(root, 1)])).parent == small.snapshot


def test_refreshes_at_once_get_numbers_of_their_own_and_lose_nothing(root) -> None:
    refs = [shard(root, index) for index in range(5)]
    children = [forked(lambda ref=ref: snapshots.commit([ref])) for ref in refs]
    assert [ended(child) for child in children] == [0] * 5
    store = Store(root)
    assert snapshots.numbers(root, "cow") == [1, 2, 3, 4, 5]
    assert indices(store.dataset("cow", 5)) == [0, 1, 2, 3, 4]
    assert [snapshots.read(store.dataset("cow", number)).parent for number in range(1, 6)] == [None, 1, 2, 3, 4]


def test_a_commit_killed_anywhere_is_there_or_not_and_can_be_repeated(folder) -> None:
    snapshots.commit([shard(folder, 0)])
    ref, step = shard(folder, 1), 0
    while killed_at(step, lambda: snapshots.commit([ref])):
        assert snapshots.numbers(folder, "cow") in ([1], [1, 2])
        for number in snapshots.numbers(folder, "cow"):
            snapshots.read(Store(folder).dataset("cow", number))
        step += 1
    assert step > 3
    assert snapshots.commit([ref]).snapshot == 2


def test_a_shard_made_anew_with_other_contents_is_not_what_was_pinned(folder) -> None:
    ref = shard(folder, 0)
    old = snapshots.commit([ref])
    pinned = snapshots.read(old).shards[0]
    assert snapshots.pinned_manifest(old, pinned) == shards.manifest(ref)
    files.remove(layout.manifest(ref))
    shards.write(ref, samples(4), RECIPE)
    with pytest.raises(
        CorruptArtifact,
        match=r"00000\.tar: is not what snapshot 1 pinned \(sha256 \w{16}, it pinned \w{16}\); take the newest",
    ):
        snapshots.pinned_manifest(old, pinned)
    new = snapshots.commit([ref])
    assert snapshots.pinned_manifest(new, snapshots.read(new).shards[0]).rows == 4


def test_only_committed_curated_shards_of_one_recipe_make_a_snapshot(folder) -> None:
    store = Store(folder)
    with pytest.raises(MissingArtifact, match="is not committed; type `farm3d verify"):
        snapshots.commit([store.curated("cow", "01", 0)])
    for wrong in ([], [store.raw("cow", "01", 0)], [store.curated("cow", "01", 0), store.curated("cow", "02", 0)]):
        with pytest.raises(ValueError, match="curated shards of one recipe"):
            snapshots.commit(wrong)


def test_an_unknown_snapshot_is_answered_with_the_known_ones(folder) -> None:
    snapshots.commit([shard(folder, 0)])
    with pytest.raises(MissingArtifact, match=r"000007\.json: does not exist; there are: 1; choose one of them"):
        snapshots.read(Store(folder).dataset("cow", 7))


def test_the_newest_is_that_of_its_recipe(root) -> None:
    assert snapshots.newest(root, "cow", digest(RECIPE)) is None
    snapshots.commit([shard(root, 0)])
    second = snapshots.commit([shard(root, 1)])
    snapshots.commit([shard(root, 0, OTHER)])
    assert snapshots.newest(root, "cow", digest(RECIPE)) == snapshots.read(second)


def damage(ref, places=(0, 1)) -> None:
    for place in places:
        where = snapshots.stored_file(ref).urls[place]
        files.put(where, files.get(where).replace(b'"id": ', b'"id": 1'))


def test_a_damaged_snapshot_is_read_from_its_copy_and_the_next_commit_makes_it_anew(root, caplog) -> None:
    ref = snapshots.commit([shard(root, 0)])
    whole = snapshots.read(ref)
    damage(ref, [0])
    assert snapshots.read(ref) == whole and "its copy answers" in caplog.text
    assert snapshots.commit([shard(root, 0)]) == ref and snapshots.stored_file(ref).damage() == {}
    files.remove(layout.snapshot(ref))
    assert snapshots.numbers(root, "cow") == [1] and snapshots.read(ref) == whole
    second = snapshots.commit([shard(root, 1)])
    assert second.snapshot == 2 and snapshots.read(second).parent == 1 and snapshots.stored_file(ref).damage() == {}


def test_a_snapshot_that_cannot_be_read_is_passed_over_and_its_number_is_not_given_again(folder, caplog) -> None:
    first = snapshots.commit([shard(folder, 0)])
    second = snapshots.commit([shard(folder, 1)])
    damage(second)
    with pytest.raises(CorruptArtifact, match="000002.json: has sha256 .*; type `farm3d verify --repair`"):
        snapshots.read(second)
    assert snapshots.newest(folder, "cow", digest(RECIPE)) == snapshots.read(first)
    assert "taking an older snapshot" in caplog.text
    third = snapshots.commit([shard(folder, 1)])
    assert (third.snapshot, indices(third), snapshots.read(third).parent) == (3, [0, 1], 1)
    for fault in find_data_faults(folder, "cow"):
        assert fault.mend().startswith("moved to quarantine")
    for ref in (third, second):
        for where in snapshots.stored_file(ref).urls:
            files.remove(where)
    assert snapshots.numbers(folder, "cow") == [1] and snapshots.commit([shard(folder, 2)]).snapshot == 3


def test_a_snapshot_takes_the_room_of_what_it_adds(folder) -> None:
    """The thirty-third shard begins a new page: its snapshot is no larger than that of the first one."""

    def added(shards: Sequence[int]) -> int:
        before = size()
        snapshots.commit([shard(folder, index) for index in shards])
        return size() - before

    def size() -> int:
        places = (Path(layout.snapshots(folder, "cow")), Path(folder) / "cow" / "copies")
        return sum(path.stat().st_size for place in places for path in place.rglob("*.json"))

    first, more, one = added([0]), added(range(1, SHARDS)), added([SHARDS])
    assert one < first + 100 < more / 4
    assert indices(Store(folder).dataset("cow", 3)) == list(range(SHARDS + 1))


def test_the_file_of_another_snapshot_is_none(folder) -> None:
    first, second = snapshots.commit([shard(folder, 0)]), snapshots.commit([shard(folder, 1)])
    for where in snapshots.stored_file(first).urls:
        files.put(where, files.get(layout.snapshot(second)))
    with pytest.raises(CorruptArtifact, match="000001.json: is snapshot 2 of cow"):
        snapshots.read(first)
