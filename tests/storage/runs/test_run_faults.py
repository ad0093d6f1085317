import pytest

from storage.dataset import shards, snapshots
from storage.formats.pictures import png
from storage.runs.checkpoints import Checkpoints
from storage.runs.metrics_log import MetricsLog
from storage.runs.releases import promote_release, read_promotion
from storage.runs.run_faults import find_faults, find_run_faults
from storage.runs.training_runs import ModelAbout, StageAbout, write_start
from storage.store import bundles, files, layout
from storage.store.layout import Store
from storage.store.locks import hold_lock
from storage.store.references import Record, digest
from tests.storage.material import RECIPE, flip, publish, samples


@pytest.fixture
def store(folder):
    """A finished run of one stage with its release, promoted."""
    store = Store(folder)
    shard, model = store.curated("cow", digest(RECIPE), 0), store.model("cow", "run")
    shards.write(shard, samples(3), RECIPE)
    crops = snapshots.commit([shard])
    write_start(model, crops, Record())
    journal = MetricsLog(layout.metrics(model, "animal"))
    states = Checkpoints(layout.checkpoints(model, "animal"), journal)
    for step in (2, 4):
        journal.add(step, {"loss": 1 / step})
        states.save(step, {"step": step})
    files.put(layout.panel(model, "animal", 4), png(samples(2)[0].image))
    weights = {"animal.safetensors": b"w", layout.JOURNAL: journal.encode()}
    bundles.commit(layout.stage(model, "animal"), weights, StageAbout(steps=4))
    bundles.commit(layout.model(model), {"recipe.json": b"{}"}, ModelAbout(snapshot=1, stages=("animal",)))
    bundles.commit(layout.evaluation(model), {"generated-photos.json": b"[]"}, Record())
    publish(store, "run")
    bundles.commit(layout.comparison(store.root, "cow"), {"comparison.html": b"a page"}, Record())
    promote_release(store, "cow/run", by="anna")
    return store


FILES = (
    "runs/run/config.json",
    "runs/run/stages/animal/manifest.json",
    "runs/run/stages/animal/animal.safetensors",
    "runs/run/stages/animal/metrics.jsonl",
    "runs/run/stages/animal/panels/00000004.png",
    "runs/run/stages/animal/checkpoints/step-00000002.pt",
    "runs/run/stages/animal/checkpoints/step-00000004.json",
    "runs/run/model/recipe.json",
    "runs/run/model/manifest.json",
    "runs/run/evaluation/generated-photos.json",
    "releases/run/cow-1.glb",
    "releases/run/manifest.json",
    "comparison/comparison.html",
    "releases/PROMOTED",
    "copies/releases/PROMOTED",
)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_of_any_file_is_named(store, name) -> None:
    assert list(find_faults(store, "cow")) == []
    where = f"{store.root}/cow/{name}"
    flip(where, len(files.get(where)) // 2)
    faults = list(find_run_faults(store, "cow"))
    assert faults and any(fault.where.partition(".")[0] == where.partition(".")[0] for fault in faults), faults


def test_a_repair_deletes_states_and_panels_that_nothing_makes_again(store) -> None:
    model = store.model("cow", "run")
    states = Checkpoints(layout.checkpoints(model, "animal"))
    files.put(layout.checkpoint(states.folder, 4), b"half")
    files.remove(layout.checkpoint_manifest(states.folder, 2))
    files.put(layout.panel(model, "animal", 4), b"half")
    assert [fault.mend() for fault in find_run_faults(store, "cow")] == ["deleted"] * 3
    assert list(find_faults(store, "cow")) == [] and states.steps() == []


def test_a_journal_of_an_unfinished_stage_has_to_be_what_its_newest_state_knows(store) -> None:
    model = store.model("cow", "run")
    for name in ("manifest.json", "animal.safetensors"):
        files.remove(layout.member(layout.stage(model, "animal"), name))
    assert list(find_run_faults(store, "cow")) == []
    MetricsLog(layout.metrics(model, "animal")).add(6, {"loss": 0.1})
    assert list(find_run_faults(store, "cow")) == []
    MetricsLog(layout.metrics(model, "animal")).add(4, {"loss": 0.1})
    (fault,) = find_run_faults(store, "cow")
    assert fault.where == layout.metrics(model, "animal") and "is not what was reported until step 4" in fault.what


def test_a_run_that_is_learning_is_left_alone(store) -> None:
    model = store.model("cow", "run")
    files.put(layout.run_config(model), b"half")
    with hold_lock(layout.run(model)):
        assert list(find_run_faults(store, "cow")) == []
    assert len(list(find_run_faults(store, "cow"))) == 1


def test_a_snapshot_that_is_gone_is_missed_by_the_run_and_by_the_release(store) -> None:
    for where in snapshots.stored_file(store.dataset("cow", 1)).urls:
        files.remove(where)
    faults = list(find_run_faults(store, "cow"))
    model, release = store.model("cow", "run"), store.release("cow", "run")
    bundles_made = [layout.bundle(layout.model(model)), layout.bundle(layout.release(release))]
    assert [fault.where for fault in faults] == [layout.run_config(model), *bundles_made]
    assert all("snapshot 1, which is gone; the next run makes it again" in fault.what for fault in faults)


def test_a_run_that_died_before_it_learnt_anything_misses_nothing(store) -> None:
    write_start(store.model("cow", "dead"), store.dataset("cow", 7), Record())
    assert list(find_faults(store, "cow")) == []


def test_a_damaged_promotion_is_made_anew_from_its_copy(store) -> None:
    promotion = read_promotion(store, "cow")
    files.put(layout.promotion(store.root, "cow"), b"{")
    assert read_promotion(store, "cow") == promotion
    (fault,) = find_run_faults(store, "cow")
    assert fault.mend() == "made anew from its copy" and list(find_run_faults(store, "cow")) == []
