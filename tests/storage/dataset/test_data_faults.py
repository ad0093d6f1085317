import os
from collections import Counter

import pytest

from storage.dataset import catalogue, shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.pages import Pages
from storage.store import files, layout
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.deaths import killed_at
from tests.storage.material import RECIPE, flip, sample, samples


def found(ref):
    return list(find_data_faults(ref.root, "cow"))


def test_what_was_committed_has_no_fault(two):
    assert found(two[1]) == []
    assert len(catalogue.rows(two[1])) == 12 and catalogue.reasons(catalogue.rows(two[1])) == {"too small": 3}


@pytest.mark.parametrize("kind", ["tar", "parquet", "json"])
def test_any_flipped_byte_is_found_and_named(two, kind):
    path = f"{layout.shards(two[0].root, 'cow', 'curated', digest(RECIPE))}/00001.{kind}"
    for place in (0, os.path.getsize(path) // 2, os.path.getsize(path) - 1):
        flip(path, place)
        faults = found(two[0])
        flip(path, place)
        assert any("00001" in fault.where for fault in faults), place
    assert found(two[0]) == []


def test_a_missing_file_is_found_in_its_folder_and_in_its_snapshots(two):
    shard = snapshots.shard(two[0], snapshots.read(two[0]).shards[1])
    files.remove(layout.tar(shard))
    by_shard, *by_snapshot = found(two[1])
    assert by_shard.where == layout.tar(shard) and "is gone" in by_shard.what
    assert [fault.where for fault in by_snapshot] == [layout.snapshot(ref) for ref in two]


def test_every_file_is_read_as_often_however_many_snapshots_list_it(two, monkeypatch):
    read, get = Counter(), files.get
    monkeypatch.setattr(files, "get", lambda url: read.update([url]) or get(url))
    found(two[0])
    few = read.copy()
    monkeypatch.undo()
    for index in (7, 8, 9):
        ref = Store(two[0].root).curated("cow", digest(RECIPE), index)
        shards.write(ref, samples(2, first=100 * index), RECIPE)
        snapshots.commit([ref])
    monkeypatch.setattr(files, "get", lambda url: read.update([url]) or get(url))
    read.clear()
    assert found(two[0]) == []
    assert {url: read[url] for url in few if "/pages/" not in url} == {
        url: count for url, count in few.items() if "/pages/" not in url
    }
    assert max(count for url, count in read.items() if "/pages/" in url) <= 2
    assert {count for url, count in read.items() if url.endswith((".tar", ".parquet"))} == {1}


def test_a_shard_that_was_made_anew_is_a_fault_of_the_snapshots_before(two):
    shard = snapshots.shard(two[0], snapshots.read(two[0]).shards[0])
    files.remove(layout.manifest(shard))
    shards.write(shard, samples(2), RECIPE)
    later = snapshots.commit([shard])
    assert later.snapshot == 3
    assert [fault.where for fault in found(two[0])] == [layout.snapshot(ref) for ref in two]


def test_what_was_never_committed_and_what_is_foreign_is_named(two):
    folder = layout.shards(two[0].root, "cow", "curated", digest(RECIPE))
    files.put(f"{folder}/00007.tar", b"half")
    files.put(f"{folder}/notes.txt", b"mine")
    assert [(fault.where.rsplit("/", 1)[1], fault.mend is None) for fault in found(two[0])] == [
        ("notes.txt", True), ("00007.tar", False),
    ]  # fmt: skip


def test_a_key_in_two_shards_is_named(two):
    shards.write(Store(two[0].root).curated("cow", digest(RECIPE), 5), [sample(0)], RECIPE)
    (fault,) = found(two[0])
    assert sample(0).row.key in fault.what and "00000.tar" in fault.what


def test_a_torn_snapshot_is_named(two):
    files.put(layout.snapshot(two[0]), b"{")
    (fault,) = found(two[1])
    assert fault.where == layout.snapshot(two[0]) and "is no JSON object" in fault.what
    assert fault.mend() == "made anew from its copy" and found(two[1]) == []


def test_repair_moves_a_corrupt_shard_away_and_the_same_shard_can_be_made_again(two):
    shard = snapshots.shard(two[0], snapshots.read(two[0]).shards[0])
    flip(layout.tar(shard), 700)
    (fault,) = [each for each in found(two[0]) if each.mend]
    assert fault.mend().startswith("moved to quarantine") and len(shards.quarantine_notes(two[0].root, "cow")) == 1
    shards.write(shard, samples(4), RECIPE)
    assert found(two[1]) == []


def test_what_a_killed_writer_left_is_named(two):
    ref = Store(two[0].root).curated("cow", digest(RECIPE), 7)
    assert killed_at(1, lambda: shards.write(ref, samples(4), RECIPE))
    (fault,) = found(two[0])
    assert fault.where.endswith("/.00007.tar.part") and "killed writer" in fault.what
    shards.write(ref, samples(4, first=70), RECIPE)
    assert found(two[0]) == []


def test_a_damaged_page_or_its_copy_is_named_and_made_anew_and_two_are_made_again_by_the_next_commit(two):
    pages = Pages(two[0].root, "cow")
    (digest_of_page,) = snapshots.read_file(two[1]).shards
    page, copy = pages.stored(digest_of_page).urls
    for where in (copy, page):
        flip(where, 20)
        (fault,) = found(two[1])
        assert fault.where == where and fault.mend() == "made anew from its copy" and found(two[1]) == []
    for where in (copy, page):
        flip(where, 20)
    assert {fault.where for fault in found(two[1])} >= {copy, page}
    assert [fault.mend() for fault in found(two[1]) if fault.mend] == ["", ""]
    assert snapshots.commit([snapshots.shard(two[1], entry) for entry in snapshots.read(two[1]).shards]) == two[1]
    assert found(two[1]) == []
