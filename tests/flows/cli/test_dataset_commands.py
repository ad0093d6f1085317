import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from storage.dataset import shards, snapshots
from storage.dataset.records import Duplicates
from storage.runs import training_runs
from storage.runs.run_faults import find_faults
from storage.store import files, layout
from storage.store.layout import Store
from storage.store.locks import hold_lock
from storage.store.references import Record, digest
from tasks.shard import shard
from tests.storage.material import RECIPE, samples
from tests.tasks.conftest import in_place
from tests.tasks.material import ALIKE, made


@pytest.fixture
def root(tmp_path):
    """Two snapshots of cows."""
    store = Store(str(tmp_path / "data"))
    refs = [store.curated("cow", digest(RECIPE), index) for index in range(2)]
    for index, ref in enumerate(refs):
        shards.write(ref, samples(3, first=10 * index), RECIPE)
        snapshots.commit([ref])
    return store.root


def said(*arguments):
    answer = CliRunner().invoke(app, ["dataset", *arguments])
    return answer.exit_code, answer.output


def test_all_snapshots_are_listed(root):
    code, output = said("list", "--root", root)
    assert code == 0 and "cow 1: 2 of 3 photos kept" in output and "cow 2: 4 of 6 photos kept" in output


def test_no_data_set_is_said_and_not_passed_over_in_silence(tmp_path):
    code, output = said("list", "--root", str(tmp_path))
    assert code == 0 and f"{tmp_path}: no data set is there yet; `farm3d run cow` makes one" in output


def test_a_snapshot_says_what_is_in_it_and_what_was_dropped(root):
    code, output = said("show", "cow", "--root", root)
    assert code == 0 and "snapshot 2: 4 of 6 photos kept in 2 shards" in output and "dropped: too small  2" in output
    assert "view: " in output and " %" in output
    assert "snapshot 1: 2 of 3" in said("show", "cow", "--root", root, "--snapshot", "1")[1]


def test_a_near_duplicate_names_the_picture_that_it_resembles(root):
    ref = Store(root).curated("cow", digest(RECIPE), 0)
    twins = {samples()[1].row.key: samples()[0].row.key}
    snapshots.commit([ref], lambda found: Duplicates(resembles=twins))
    code, output = said("show", "cow", "--root", root)
    assert code == 0 and "3 of 6 photos kept" in output and "dropped: near duplicate  1" in output
    assert all(f"{one} resembles {other}" in output for one, other in twins.items())


def test_a_card_is_written_with_its_sheets(tmp_path, monkeypatch):
    in_place(monkeypatch)
    store = Store(str(tmp_path / "drawn"))
    shard.fn(made(store, 1), 6, ALIKE, "cpu")
    code, output = said("card", "cow", str(tmp_path / "card"), "--root", store.root)
    assert code == 0 and output.count(str(tmp_path / "card")) == 3
    assert sorted(each.name for each in (tmp_path / "card").iterdir()) == ["DATASET_CARD.md", "dropped.jpg", "kept.jpg"]


def test_the_difference_of_two_snapshots_is_told(root):
    code, output = said("diff", "cow", "1", "2", "--root", root)
    assert code == 0 and "added: 3 samples, 2 of them kept" in output and "removed: 0" in output


def test_a_snapshot_that_cannot_be_read_is_told_and_the_others_are_listed(root):
    for where in snapshots.stored_file(Store(root).dataset("cow", 1)).urls:
        files.put(where, b"{")
    code, output = said("list", "--root", root)
    assert code == 0 and "000001.json: is no JSON object" in output and "cow 2: 4 of 6 photos kept" in output


def test_crops_are_exported(root, tmp_path):
    code, output = said("export", "cow", str(tmp_path / "out"), "--root", root)
    kept = [len(list((tmp_path / "out" / split).glob("*.jpg"))) for split in ("train", "validation")]
    assert code == 0 and f"{kept[0]} train, {kept[1]} validation" in output and sum(kept) == 4


def test_a_category_without_data_is_refused(root):
    answer = CliRunner().invoke(app, ["dataset", "show", "horse", "--root", root])
    assert isinstance(answer.exception, ValueError)
    assert "no data set of 'horse'; make one with `farm3d run horse`" in str(answer.exception)


def test_pruning_shows_first_and_deletes_when_told(tmp_path):
    recipes = [{"size": size, "photos": {"size": size}} for size in (1, 2)]
    store = Store(str(tmp_path / "other"))
    for number, recipe in enumerate(recipes):
        ref = store.curated("cow", digest(recipe), 0)
        shards.write(ref, samples(3, first=10 * number), recipe)
        snapshots.commit([ref])
    shown, output = said("prune", "cow", "--keep", "1", "--root", store.root)
    assert shown == 0 and "9 files" in output and "could go" in output
    assert snapshots.numbers(store.root, "cow") == [1, 2]
    with hold_lock(layout.run(store.model("cow", "laptop-1"))):
        training_runs.write_start(store.model("cow", "laptop-1"), store.dataset("cow", 1), Record())
        output = said("prune", "cow", "--keep", "1", "--root", store.root, "--apply")[1]
    assert "cow 1 stays: run laptop-1 is learning" in output and "0 files" in output
    assert said("prune", "cow", "--keep", "1", "--root", store.root, "--apply")[0] == 0
    assert snapshots.numbers(store.root, "cow") == [2]
    assert list(find_faults(store, "cow")) == []
