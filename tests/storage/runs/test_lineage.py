import json
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from storage.dataset import shards, snapshots
from storage.dataset.encoding import Sample
from storage.runs.lineage import lines, release_of
from storage.runs.revision import code
from storage.runs.training_runs import ModelAbout, StageAbout
from storage.store import bundles, files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, publish, row, sample, samples

PHOTOS = {"generator": {"kind": "stable_diffusion", "model": "weights/teacher"}, "weights_digest": "0123"}
CROPS = RECIPE | {"photos": PHOTOS, "segmenter": {"kind": "pointrend"}, "weights_digest": "4567"}

MODEL = {
    "method": {"vit": {"model": "weights/vit"}, "warm_start": {"kind": "quadruped", "model": "weights/quadruped"}},
    "weights_digests": {"vit": "89ab", "warm_start": "cdef"},
}

STAGES = {"shape": 400, "details": 20}
"""Steps by the names of the stages, in an order that is not the alphabet's."""


def shard(store, index):
    raw, crops = (
        getattr(store, stage)("cow", digest(recipe), index) for stage, recipe in (("raw", PHOTOS), ("curated", CROPS))
    )
    made = shards.write(raw, [sample(10 * index), sample(10 * index + 1)], PHOTOS)
    shards.write(crops, samples(2, first=10 * index), CROPS, made.tar_sha256)
    return crops


@pytest.fixture
def release(tmp_path):
    """A release of a run on two shards."""
    store = Store(str(tmp_path / "data"))
    snapshots.commit([shard(store, index) for index in range(2)])
    model = store.model("cow", "laptop-1")
    for stage, steps in STAGES.items():
        weights = {f"{stage}.safetensors": stage.encode()}
        bundles.commit(layout.stage(model, stage), weights, StageAbout(steps=steps))
    about = ModelAbout(snapshot=1, code=code(), stages=tuple(STAGES))
    bundles.commit(layout.model(model), {"recipe.json": json.dumps(MODEL).encode()}, about)
    return publish(store, "laptop-1", code=code())


def test_a_released_file_is_found_by_its_bytes(release, tmp_path):
    copy = tmp_path / "renamed.glb"
    copy.write_bytes(b"a cow")
    assert release_of(copy, release.root) == release
    copy.write_bytes(b"another cow")
    with pytest.raises(MissingArtifact, match="is in no release under"):
        release_of(copy, release.root)


def test_the_chain_runs_from_the_release_to_every_picture(release):
    chain = list(lines(release, pictures=True))
    store, stem = Store(release.root), "\n".join(chain)
    heads = ["release", "run", "stage", "stage", "start", "part", "snapshot", "photos", "masks"]
    assert [line.split()[0] for line in chain[: len(heads)]] == heads
    for index in range(2):
        for ref in (store.raw("cow", digest(PHOTOS), index), store.curated("cow", digest(CROPS), index)):
            assert shards.manifest(ref).tar_sha256 in stem
    pictures = [line for line in chain if line.startswith("picture")]
    assert len(pictures) == 4 and sum("dropped: too small" in line for line in pictures) == 2
    assert all("'a brown cow', seed " in line and "model 0123" in line for line in pictures)
    assert f"code {code()}" in chain[0] and f"code {code()}" in chain[1]
    assert "method farm3d, scale laptop" in chain[0]
    assert f"there since {datetime.now(UTC):%Y-%m-%d} " in chain[0] and "UTC" in chain[0]
    for line, (stage, steps) in zip(chain[2:4], STAGES.items(), strict=True):
        assert line.split(maxsplit=1)[1] == f"{stage}: {steps} steps, weights sha256 {digest_of(stage)}"


def digest_of(stage):
    return sha256(stage.encode()).hexdigest()


def test_a_method_that_only_fits_has_a_run_and_no_stages(release):
    folder = layout.model(Store(release.root).model("cow", "laptop-1"))
    files.remove(layout.bundle(folder))
    bundles.commit(folder, {"recipe.json": b'{"method": {}, "weights_digests": {}}'}, ModelAbout(snapshot=1))
    chain = list(lines(release, pictures=False))
    assert "laptop-1: 0 trained stages" in chain[1] and chain[2].startswith("snapshot")


def test_a_run_whose_stage_is_gone_is_a_broken_chain(release):
    folder = layout.stage(Store(release.root).model("cow", "laptop-1"), "details")
    files.remove(layout.bundle(folder))
    with pytest.raises(MissingArtifact, match="stages/details: is not committed"):
        list(lines(release, pictures=False))


def test_photos_that_were_made_again_are_named(release):
    store = Store(release.root)
    raw = store.raw("cow", digest(PHOTOS), 1)
    for place in (layout.manifest(raw), layout.table(raw), layout.tar(raw)):
        files.remove(place)
    shards.write(raw, [sample(77)], PHOTOS)
    assert sum("(made again since)" in line for line in lines(release, pictures=False)) == 1


def test_a_broken_chain_says_where(release):
    store = Store(release.root)
    crops = store.curated("cow", digest(CROPS), 0)
    files.remove(layout.manifest(crops))
    shards.write(crops, [sample(5), Sample(row(6, kept=False, reason="blank"))], CROPS)
    with pytest.raises(CorruptArtifact, match="is not what snapshot 1 pinned"):
        list(lines(release, pictures=False))


def test_the_start_and_the_frozen_parts_are_named_by_their_digests(release):
    chain = list(lines(release, pictures=False))
    assert "start     quadruped weights/quadruped, weights cdef" in chain
    assert "part      vit weights/vit, weights 89ab" in chain


def test_a_model_that_started_from_nothing_says_so(release):
    folder = layout.model(Store(release.root).model("cow", "laptop-1"))
    files.remove(layout.bundle(folder))
    recipe = MODEL | {"method": {"warm_start": {"kind": "nothing"}}, "weights_digests": {"warm_start": ""}}
    bundles.commit(folder, {"recipe.json": json.dumps(recipe).encode()}, ModelAbout(snapshot=1))
    assert "start     random weights" in list(lines(release, pictures=False))


def test_a_recipe_that_does_not_say_what_it_started_from_is_a_broken_chain(release):
    folder = layout.model(Store(release.root).model("cow", "laptop-1"))
    files.remove(layout.bundle(folder))
    bundles.commit(folder, {"recipe.json": b"{}"}, ModelAbout(snapshot=1))
    with pytest.raises(CorruptArtifact, match="laptop-1/model: does not say where it comes from"):
        list(lines(release, pictures=False))
