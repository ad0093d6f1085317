import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

import pytest

from storage.dataset import shards
from storage.dataset.encoding import Sample, encode_sample
from storage.dataset.tar_io import TarStream
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, StorageFull
from storage.store.layout import Store
from storage.store.references import digest
from storage.store.versions import encode
from tests.storage.deaths import ended, forked, full_after, killed_at
from tests.storage.material import RECIPE, contents, flip, row, sample, samples


def test_a_shard_is_made_once_and_says_what_is_in_it(root) -> None:
    ref = Store(root).curated("cow", digest(RECIPE), 3)
    assert shards.find_committed(ref) is None
    made = shards.write(ref, samples(5), RECIPE, made_from="ab" * 32)
    assert shards.find_committed(ref) == shards.manifest(ref) == made
    assert (made.rows, made.stored, made.kept, made.reasons) == (5, 4, 4, {"too small": 1})
    assert (made.config, made.made_from, made.index) == (RECIPE, "ab" * 32, 3)
    assert [each.seed for each in shards.verify(ref)] == list(range(5)) and shards.verify(ref) == shards.rows(ref, made)


def test_the_same_samples_are_the_same_bytes_wherever_they_are_written(tmp_path) -> None:
    for name in ("one", "two"):
        shards.write(Store(str(tmp_path / name)).raw("cow", digest(RECIPE), 0), samples(), RECIPE)
    assert contents(str(tmp_path / "one")) == contents(str(tmp_path / "two"))
    assert len(contents(str(tmp_path / "one"))) == 3


def test_what_is_committed_is_never_written_again(shard) -> None:
    first = shards.write(shard, samples(3), RECIPE)
    before = contents(shard.root)
    assert shards.write(shard, samples(4), RECIPE) == first
    assert contents(shard.root) == before


def test_a_writer_killed_anywhere_leaves_nothing_or_a_whole_shard_and_the_redo_makes_the_same_bytes(tmp_path) -> None:
    def at(step: int) -> Store:
        return Store(str(tmp_path / str(step)))

    whole = at(-1).curated("cow", digest(RECIPE), 0)
    shards.write(whole, samples(), RECIPE)
    step, answers = 0, []
    while True:
        ref = at(step).curated("cow", digest(RECIPE), 0)
        died = killed_at(step, lambda ref=ref: shards.write(ref, samples(), RECIPE))
        answers.append(shards.find_committed(ref))
        shards.write(ref, samples(), RECIPE)
        assert contents(ref.root) == contents(whole.root)
        assert shards.quarantine_notes(ref.root, "cow") == []
        if not died:
            break
        step += 1
    assert all(answer in (None, shards.manifest(whole)) for answer in answers)
    assert None in answers
    assert answers[-2] is not None
    assert step > 15


def test_a_disk_that_is_full_at_any_write_leaves_nothing(shard, monkeypatch) -> None:
    left, full = 0, set()
    while True:
        with monkeypatch.context() as disk:
            full_after(left, disk)
            try:
                made = shards.write(shard, samples(), RECIPE)
                break
            except StorageFull as error:
                assert "there is no room for" in str(error) and "; free some space" in str(error)
                full.add(layout.inside("", error.where))
        assert {name for _, _, names in os.walk(shard.root) for name in names} <= {".00000.json.lock"}
        left += 1
    assert full == {"/00000.tar", "/00000.parquet", "/00000.json"}
    assert made.rows == len(shards.verify(shard))


def test_samples_that_fail_half_way_leave_nothing(root) -> None:
    ref = Store(root).curated("cow", digest(RECIPE), 0)

    def failing() -> Iterator[Sample]:
        yield from samples(2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        shards.write(ref, failing(), RECIPE)
    folder = layout.shards(root, "cow", "curated", ref.digest)
    assert (files.names(folder), files.unfinished_names(folder), shards.find_committed(ref)) == ([], [], None)


def damage_tar(ref) -> None:
    os.truncate(layout.tar(ref), os.path.getsize(layout.tar(ref)) - 1024)


def damage_table(ref) -> None:
    os.remove(layout.table(ref))


def damage_manifest(ref) -> None:
    with open(layout.manifest(ref), "r+") as file:
        file.truncate(100)


def damage_name(ref) -> None:
    other = shards.manifest(ref).model_copy(update={"index": 1})
    files.put(layout.manifest(ref), encode(other))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_tar, "00000.tar: has 9216 bytes, not 10240"),
        (damage_table, "00000.parquet: is gone"),
        (damage_manifest, "00000.json: is no JSON object"),
        (damage_name, "00000.json: is the manifest of another shard"),
    ],
)
def test_a_damaged_shard_is_moved_to_quarantine_and_counted_and_made_again(shard, caplog, damage, reason) -> None:
    shards.write(shard, samples(2), RECIPE)
    whole = contents(shard.root)
    for count in (1, 2):
        damage(shard)
        with caplog.at_level(logging.WARNING):
            assert shards.find_committed(shard) is None
        assert len(caplog.records) == count
        shards.write(shard, samples(2), RECIPE)
        found = shards.quarantine_notes(shard.root, "cow")
        assert len(found) == count
        assert reason in found[-1].reason
        assert found[-1].shard == layout.tar(shard)
    now = contents(shard.root)
    assert {name: now[name] for name in whole} == whole


@pytest.mark.parametrize("place", [20, 700, 2000])
def test_one_flipped_bit_is_found(shard, place) -> None:
    shards.write(shard, samples(2), RECIPE)
    flip(layout.tar(shard), place)
    with pytest.raises(
        CorruptArtifact,
        match=r"00000\.tar: has sha256 [0-9a-f]{16}, its manifest says [0-9a-f]{16}; type `farm3d verify",
    ):
        shards.verify(shard)
    assert shards.find_committed(shard) is None
    assert len(shards.quarantine_notes(shard.root, "cow")) == 1


def test_a_flipped_bit_in_the_table_is_found_too(shard) -> None:
    shards.write(shard, samples(2), RECIPE)
    flip(layout.table(shard), 60)
    with pytest.raises(CorruptArtifact, match=r"00000\.parquet: has sha256 "):
        shards.verify(shard)
    assert shards.find_committed(shard) is None


def forge(ref, tar: bytes) -> None:
    """Another tar, with a manifest that vouches for it."""
    honest = shards.write(ref, samples(3), RECIPE)
    lie = honest.model_copy(update={"tar_bytes": len(tar), "tar_sha256": sha256(tar).hexdigest()})
    files.put(layout.tar(ref), tar)
    files.put(layout.manifest(ref), encode(lie))


def test_a_forged_tar_is_refused_although_its_digest_is_right(shard) -> None:
    short = b"".join(TarStream([(made.row.key, encode_sample(made)) for made in samples(2)], "a.tar"))
    forge(shard, short)
    with pytest.raises(CorruptArtifact, match="is not where its row says"):
        shards.verify(shard)
    more = b"".join(TarStream([(made.row.key, encode_sample(made)) for made in [*samples(3), sample(9)]], "a.tar"))
    forge(Store(shard.root).curated("cow", digest(RECIPE), 1), more)
    with pytest.raises(CorruptArtifact, match="3 members have no row"):
        shards.verify(Store(shard.root).curated("cow", digest(RECIPE), 1))


def test_two_workers_on_one_shard_make_it_once(shard, tmp_path) -> None:
    made = tmp_path / "made"

    def work() -> None:
        with shards.hold_shard(shard) as found:
            if found is None:
                with open(made, "a") as file:
                    file.write("made ")
                shards.write(shard, samples(), RECIPE)

    children = [forked(work) for _ in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    assert made.read_text() == "made "
    assert shards.verify(shard)


def test_writers_who_do_not_ask_first_end_with_one_whole_shard(shard) -> None:
    choices = [samples(3), samples(4), samples(5)]
    children = [forked(lambda some=some: shards.write(shard, some, RECIPE)) for some in choices]
    assert [ended(child) for child in children] == [0] * 3
    assert len(shards.verify(shard)) in (3, 4, 5)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ([sample(1), sample(1)], "comes twice; give every sample of a shard its own seed"),
        ([sample(1, category="horse")], "is of category 'horse'; the shard is of 'cow'"),
        ([sample(1, kept=False)], "has kept False and reason ''"),
        ([sample(1, reason="too small")], "has kept True and reason 'too small'"),
        ([Sample(row(1))], "is kept and has no image"),
        ([replace(sample(1), mask=sample(1).mask[:4])], r"has a mask of shape \(4, 16\)"),
    ],
)
def test_samples_that_contradict_themselves_are_refused(shard, wrong, complaint) -> None:
    with pytest.raises(ValueError, match=rf"00000\.tar: sample cow-\w+ {complaint}"):
        shards.write(shard, wrong, RECIPE)
    assert shards.find_committed(shard) is None


def test_a_shard_under_the_name_of_another_recipe_is_refused(shard) -> None:
    with pytest.raises(ValueError, match="the recipe's digest is"):
        shards.write(shard, samples(), {"generator": "another"})


def test_what_is_not_committed_cannot_be_verified(shard) -> None:
    with pytest.raises(
        MissingArtifact, match=r"00000\.json: is not committed; type `farm3d verify --repair`, then run"
    ):
        shards.verify(shard)


def test_a_shard_may_lose_all_its_samples(shard) -> None:
    made = shards.write(shard, [Sample(row(seed, kept=False, reason="border")) for seed in range(3)], RECIPE)
    assert (made.stored, made.kept, made.reasons) == (0, 0, {"border": 3})
    assert len(shards.verify(shard)) == made.rows


def test_a_corrupt_object_is_moved_away_from_a_store_without_renames(root) -> None:
    ref = Store(root).raw("cow", digest(RECIPE), 0)
    shards.write(ref, samples(2), RECIPE)
    tar = files.get(layout.tar(ref))
    files.put(layout.tar(ref), tar[:-1] + b"!")
    assert shards.find_committed(ref) is None
    assert files.names(layout.shards(ref.root, "cow", "raw", ref.digest)) == []
    assert "has sha256 " in shards.quarantine_notes(ref.root, "cow")[0].reason
    shards.write(ref, samples(2), RECIPE)
    assert files.get(layout.tar(ref)) == tar
