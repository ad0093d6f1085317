"""Everything on a real S3 server: the same as in a folder, and nothing by halves when the server dies."""

from contextlib import suppress

import torch

from storage.dataset import export, samples, shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.pruning import plan_pruning
from storage.runs.checkpoints import Checkpoints
from storage.runs.lineage import lines, release_of
from storage.runs.metrics_log import MetricsLog
from storage.runs.training_runs import ModelAbout, StageAbout
from storage.store import bundles, files, layout, locks
from storage.store.layout import Store
from storage.store.references import DatasetRef, digest
from tests.storage.material import RECIPE, publish, sample
from tests.storage.material import samples as drawn

PHOTOS = {"generator": {"kind": "stable_diffusion", "model": "weights/teacher"}, "weights_digest": "0123"}
CROPS = RECIPE | {"photos": PHOTOS, "segmenter": {"kind": "pointrend"}, "weights_digest": "4567"}


def story(root: str) -> DatasetRef:
    """Two shards of photos and crops, a snapshot after each, a training, a release."""
    store = Store(root)
    for index in range(2):
        raw, crops = store.raw("cow", digest(PHOTOS), index), store.curated("cow", digest(CROPS), index)
        with shards.hold_shard(raw) as found:
            assert found is None
            made = shards.write(raw, [sample(10 * index + place) for place in range(3)], PHOTOS)
        shards.write(crops, drawn(3, first=10 * index), CROPS, made.tar_sha256)
        dataset = snapshots.commit([crops])
    model = store.model("cow", "run-1")
    with locks.hold_lock(layout.run(model)):
        states, journal = Checkpoints(layout.checkpoints(model, "animal")), MetricsLog(layout.metrics(model, "animal"))
        for step in (1, 2, 3):
            states.save(step, {"weights": torch.full((3,), float(step))})
            journal.add(step, {"loss": 1 / step})
        bundles.commit(layout.stage(model, "animal"), {"animal.safetensors": b"w"}, StageAbout(steps=3))
        recipe = {"recipe.json": b'{"method": {}, "weights_digests": {}}'}
        bundles.commit(layout.model(model), recipe, ModelAbout(snapshot=2, stages=("animal",)))
    publish(store, "run-1", snapshot=2)
    return dataset


def contents(place: str) -> dict[str, bytes]:
    """Every file below, by its path."""
    if files.size(place) is not None:
        return {"": files.get(place)}
    below = {name: contents(f"{place}/{name}") for name in files.names(place)}
    return {f"/{name}{rest}": data for name, found in below.items() for rest, data in found.items()}


def test_an_object_store_holds_the_same_files_as_a_folder_and_serves_them(s3, folder, tmp_path) -> None:
    local, remote = story(folder), story(s3)
    assert contents(s3) == contents(folder)

    for split in ("train", "validation"):
        pairs = zip(samples.of_dataset(local, split), samples.of_dataset(remote, split), strict=True)
        assert all((one.image == other.image).all() and one.row == other.row for one, other in pairs)
    assert export.export(remote, str(tmp_path / "plain")) == export.export(local, str(tmp_path / "same"))
    step, state = Checkpoints(layout.checkpoints(Store(s3).model("cow", "run-1"), "animal")).newest() or (0, {})
    assert step == 3 and state["weights"].tolist() == [3.0] * 3
    copy = tmp_path / "found.glb"
    copy.write_bytes(b"a cow")
    assert len(list(lines(release_of(copy, s3), pictures=True))) == len(list(lines(release_of(copy, folder), True)))

    assert list(find_data_faults(s3, "cow")) == []
    files.put(layout.tar(Store(s3).raw("cow", digest(PHOTOS), 1)), b"torn")
    (fault,) = find_data_faults(s3, "cow")
    assert "00001.tar" in fault.where and fault.mend()
    assert len(shards.quarantine_notes(s3, "cow")) == 1
    for each in plan_pruning(s3, "cow", 1).waste:
        files.remove(each.where)
    assert snapshots.numbers(s3, "cow") == [2] and list(find_data_faults(s3, "cow")) == []


TABLE, MANIFEST, SNAPSHOT = 2, 3, 5
"""Places in the sequence of writes: lease, tar, table, manifest, lease, snapshot."""
DEATHS = [(TABLE, "half"), (MANIFEST, "half"), (MANIFEST, "after"), (SNAPSHOT, "after")]


def test_wherever_the_store_dies_nothing_half_committed_is_seen_and_the_rerun_ends(mortal, folder, monkeypatch) -> None:
    server, root = mortal
    monkeypatch.setattr(locks, "LAPSES_SECONDS", 1.0)
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.1)

    def made(where: str, index: int) -> None:
        ref = Store(where).curated("cow", digest(CROPS), index)
        shards.write(ref, drawn(3, first=10 * index), CROPS)
        snapshots.commit([ref])

    made(folder, 0), made(root, 0)
    answers = []
    for index, (writes, when) in enumerate(DEATHS, 1):
        server.dies(writes, when, times=2)
        with suppress(ConnectionError):
            made(root, index)
        assert not server.lives()
        found = shards.find_committed(Store(root).curated("cow", digest(CROPS), index))
        listed = snapshots.read(Store(root).dataset("cow", snapshots.numbers(root, "cow")[-1]))
        answers.append((found is not None, len(listed.shards) - index))
        made(root, index), made(folder, index)
    assert contents(root) == contents(folder)
    assert list(find_data_faults(root, "cow")) == []
    assert set(answers) <= {(False, 0), (True, 0), (True, 1)}
    assert (False, 0) in answers
