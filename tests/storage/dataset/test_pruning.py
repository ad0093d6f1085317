import os
import platform
import signal
from contextlib import contextmanager

import pytest
import torch

from storage.dataset import shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.pages import Pages
from storage.dataset.pins import pin_category
from storage.dataset.pruning import plan_pruning, prune
from storage.runs import training_runs
from storage.runs.checkpoints import Checkpoints
from storage.runs.releases import ReleaseAbout
from storage.runs.training_runs import ModelAbout, StageAbout
from storage.store import bundles, files, layout, locks
from storage.store.errors import OtherVersion
from storage.store.layout import Store
from storage.store.locks import hold_lock
from storage.store.references import Record, digest
from tests.storage.deaths import ended, inside
from tests.storage.material import ABOUT, RECIPE, samples


def recipe(number):
    return RECIPE | {"size": number, "photos": {"number": number // 10}}


def added(store, number, index):
    """A snapshot with another shard of a recipe, photos and crops."""
    for stage, config in (("raw", recipe(number)["photos"]), ("curated", recipe(number))):
        ref = getattr(store, stage)("cow", digest(config), index)
        if shards.find_committed(ref) is None:
            shards.write(ref, samples(2, first=100 * number + 10 * index), config)
    return snapshots.commit([ref])


@pytest.fixture
def store(tmp_path):
    return filled(str(tmp_path / "data"))


def filled(root):
    """Snapshots 1 and 2 of one recipe, 3 and 4 of two others; the last two have the same photos."""
    store = Store(root)
    for number, index in ((10, 0), (10, 1), (20, 0), (21, 0)):
        added(store, number, index)
    return store


def needed(store, keep):
    """Prune, and give the snapshots that stay for a reason."""
    return prune(store.root, "cow", keep).needed


def test_what_stays_is_whole(store):
    needed(store, 2)
    assert snapshots.numbers(store.root, "cow") == [3, 4]
    assert list(find_data_faults(store.root, "cow")) == []
    assert shards.find_committed(store.curated("cow", digest(recipe(10)), 0)) is None


def test_pages_that_only_old_snapshots_name_go_with_them_and_what_a_killed_commit_left(store):
    pages = Pages(store.root, "cow")
    pages.write_plain({"nobody": "names it"})
    needed(store, 1)
    file = snapshots.read_file(store.dataset("cow", 4))
    assert set(pages.digests()) == {file.recipe, file.comparison, *file.shards, *file.resembles}
    assert files.names(layout.copy(store.root, "cow", layout.snapshots(store.root, "cow"))) == ["000004.json", "pages"]


def test_photos_stay_while_any_crops_of_them_stay(store):
    needed(store, 1)
    assert shards.find_committed(store.raw("cow", digest(recipe(21)["photos"]), 0)) is not None
    assert shards.find_committed(store.curated("cow", digest(recipe(20)), 0)) is None
    assert list(find_data_faults(store.root, "cow")) == []


def test_what_a_model_learnt_from_stays(store):
    bundles.commit(layout.model(store.model("cow", "old")), {"recipe.json": b"{}"}, ModelAbout(snapshot=1))
    assert needed(store, 1) == {1: ["run old learnt from it"]}
    assert snapshots.numbers(store.root, "cow") == [1, 4]
    assert shards.find_committed(store.curated("cow", digest(recipe(10)), 0)) is not None
    assert shards.find_committed(store.curated("cow", digest(recipe(10)), 1)) is None
    assert list(find_data_faults(store.root, "cow")) == []


def begun(store, run, snapshot):
    """A run that has written down what it is started with."""
    model = store.model("cow", run)
    training_runs.write_start(model, store.dataset("cow", snapshot), Record())
    return model


def test_what_a_living_process_learns_from_stays_until_it_dies(store):
    @contextmanager
    def learning():
        with hold_lock(layout.run(store.model("cow", "young"))):
            begun(store, "young", 2)
            yield

    child = inside(learning)
    assert needed(store, 1) == {2: ["run young is learning"]}
    assert snapshots.numbers(store.root, "cow") == [2, 4]
    assert list(find_data_faults(store.root, "cow")) == []
    os.kill(child, signal.SIGKILL)
    ended(child)
    assert needed(store, 1) == {}
    assert snapshots.numbers(store.root, "cow") == [4]


def test_what_a_dead_run_can_go_on_from_stays_until_its_folder_is_deleted(store):
    model = begun(store, "stopped", 3)
    folder = layout.checkpoints(model, "animal")
    Checkpoints(folder).save(20, {"weights": torch.zeros(2)})
    (reason,) = needed(store, 1)[3]
    remedy = f"delete {layout.run(model)} if it never shall"
    assert reason == f"run stopped stopped after step 20 of stage animal and can go on ({remedy})"
    assert snapshots.numbers(store.root, "cow") == [3, 4]
    files.remove(layout.checkpoint_manifest(folder, 20))
    assert needed(store, 1) == {}


def test_what_a_run_between_two_stages_can_go_on_from_stays_though_the_stage_keeps_no_states(store):
    model = begun(store, "stopped", 3)
    bundles.commit(layout.stage(model, "shape"), {"shape.safetensors": b"w"}, StageAbout(steps=4))
    (reason,) = needed(store, 1)[3]
    assert reason.startswith("run stopped stopped after stage shape and can go on (delete ")
    Checkpoints(layout.checkpoints(model, "texture")).save(20, {"weights": torch.zeros(2)})
    (reason,) = needed(store, 1)[3]
    assert reason.startswith("run stopped stopped after stage shape and step 20 of stage texture and can go on")
    bundles.commit(layout.model(model), {"recipe.json": b"{}"}, ModelAbout(snapshot=3, stages=("shape", "texture")))
    assert needed(store, 1) == {3: ["run stopped learnt from it"]}


def test_a_run_that_does_not_say_yet_what_it_learns_from_keeps_everything(store):
    model = store.model("cow", "young")
    files.put(layout.panel(model, "animal", 1), b"a picture")
    with hold_lock(layout.run(model)):
        found = needed(store, 1)
    assert found.keys() == {1, 2, 3} and found[1] == ["run young is learning, and does not say from which snapshot"]
    assert snapshots.numbers(store.root, "cow") == [1, 2, 3, 4]


def test_what_a_flow_is_going_to_learn_from_stays_while_it_lives(root, monkeypatch):
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)
    store = filled(root)
    with pin_category(store.root, "cow") as pin_snapshot:
        assert needed(store, 1).keys() == {1, 2, 3}
        pin_snapshot(store.dataset("cow", 2))
        (reason,) = needed(store, 1)[2]
        assert reason == f"process {os.getpid()} of {platform.node()} is going to learn from it"
        assert snapshots.numbers(store.root, "cow") == [2, 4]
        assert list(find_data_faults(store.root, "cow")) == []
    assert needed(store, 1) == {}
    assert snapshots.numbers(store.root, "cow") == [4]


def test_what_a_killed_flow_held_goes_and_its_hold_with_it(store):
    child = inside(lambda: pin_category(store.root, "cow"))
    assert needed(store, 1)[1] == [f"process {child} of {platform.node()} is making a data set"]
    os.kill(child, signal.SIGKILL)
    ended(child)
    assert needed(store, 1) == {}
    assert snapshots.numbers(store.root, "cow") == [4]
    assert os.listdir(layout.pins(store.root, "cow")) == []


def test_a_release_that_lost_a_file_keeps_its_snapshot(store):
    folder = layout.release(store.release("cow", "old"))
    bundles.commit(folder, {"cow-1.glb": b"a cow", "walk.webp": b"it walks"}, ReleaseAbout.model_validate(ABOUT))
    files.remove(layout.member(folder, "walk.webp"))
    assert needed(store, 1) == {1: ["release old was made from it"]}
    assert snapshots.numbers(store.root, "cow") == [1, 4]


def test_a_release_or_a_run_that_cannot_be_read_keeps_everything(store):
    where = layout.bundle(layout.release(store.release("cow", "old")))
    files.put(where, b"{")
    assert all("release old is damaged, and does not say" in needed(store, 1)[number][0] for number in (1, 2, 3))
    files.remove(where)
    model = store.model("cow", "laptop-1")
    Checkpoints(layout.checkpoints(model, "animal")).save(1, {"step": 1})
    files.put(layout.run_config(model), b"{")
    assert all("and does not say from which snapshot" in needed(store, 1)[number][0] for number in (1, 2, 3))
    assert snapshots.numbers(store.root, "cow") == [1, 2, 3, 4]


def test_what_another_version_wrote_is_not_pruned_in_the_dark(store):
    files.put(layout.bundle(layout.release(store.release("cow", "old"))), b'{"about": {"snapshot": 1}, "files": {}}')
    with pytest.raises(OtherVersion, match="was written in version 1"):
        needed(store, 1)
    assert snapshots.numbers(store.root, "cow") == [1, 2, 3, 4]


def test_shards_that_no_snapshot_listed_yet_stay(store):
    fresh = store.curated("cow", digest(recipe(30)), 0)
    shards.write(fresh, samples(2, first=900), recipe(30))
    needed(store, 1)
    assert shards.find_committed(fresh) is not None


def test_dying_at_any_file_harms_nothing_that_stays(store):
    for each in plan_pruning(store.root, "cow", 1).waste:
        files.remove(each.where)
        # Of a snapshot that goes, the copy goes first.
        faults = [fault for fault in find_data_faults(store.root, "cow") if "/copies/" not in fault.where]
        assert [fault for fault in faults if "never committed" not in fault.what] == []


def test_the_numbers_go_on_after_pruning(store):
    needed(store, 1)
    assert added(store, 40, 0).snapshot == 5


def test_the_newest_snapshot_cannot_go(store):
    with pytest.raises(ValueError, match="keep is 0; keep at least the newest"):
        plan_pruning(store.root, "cow", 0)
