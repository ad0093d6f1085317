import numpy as np
import pytest
import torch

from models.data.columns import CAMERA, KEYPOINTS, MESH, VIEWS, CameraColumn, KeypointColumn
from models.export.column_makers import DerivationConfig
from models.geometry.cameras import PerspectiveCamera
from storage.dataset import samples, shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.derived import derived_shard
from storage.runs.releases import Release, ReleaseAbout, published_releases
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.layout import Store
from storage.store.references import DerivedRef, ReleaseRef, digest
from tasks import distil as module
from tasks.distil import derived_recipe, distil
from tasks.inference.loading import stage_digests
from tasks.runtime.pseudo_truth import read_column
from tests.storage.deaths import killed_at
from tests.storage.material import flip, publish
from tests.tasks.material import made, plain


class Fake:
    """Answers with what it sees: the mean colour and the number of the view."""

    asked = 0

    def __init__(self, model, recipe, where):
        self.columns = recipe.columns

    def __call__(self, crops):
        Fake.asked += len(crops)
        return [{name: self.answer(name, crop) for name in self.columns} for crop in crops]

    def answer(self, name, crop):
        colour = crop.image.mean((0, 1)).astype(np.float32)
        if name == CAMERA.extension:
            return CAMERA.encode(CameraColumn(np.diag([*colour, 1]).astype(np.float32), np.array(0.4, np.float32)))
        return KEYPOINTS.encode(KeypointColumn(colour[None, :2], np.array([True]), np.array([3], np.int32)))


@pytest.fixture
def drawn_crops(store, drawn, monkeypatch):
    """A snapshot of two shards, and a model in the place of the released one."""
    monkeypatch.setattr(module, "Deriver", Fake)
    monkeypatch.setattr(Fake, "asked", 0)
    return snapshots.commit(made(store, 2))


@pytest.fixture
def published(store):
    publish(store, "laptop-1", weights={"animal.safetensors": "ab" * 32})
    return published_releases(store, "cow")[0]


def run(crops, release, columns=("cam", "kp")):
    """The derived data set."""
    recipe = derived_recipe(crops, release, columns)
    model = Store(crops.root).model("cow", release.ref.run)
    for entry in snapshots.read(crops).shards:
        distil.fn(snapshots.shard(crops, entry), recipe, model, "cpu")
    return DerivedRef(crops=crops, digest=digest(recipe))


def test_every_kept_crop_gets_its_columns_as_pseudo_truth_of_the_model(drawn_crops, published):
    ref = run(drawn_crops, published)
    for split in ("train", "validation"):
        stored, cameras = samples.of_dataset(drawn_crops, split), read_column(ref, split, CAMERA)
        assert len(cameras) == len(stored)
        for crop, camera in zip(stored, cameras, strict=True):
            assert np.allclose(np.diag(camera.estimate.T_camera_world)[:3], crop.image.mean((0, 1)), atol=1e-3)
            assert camera.model == digest({"animal.safetensors": "ab" * 32})
    assert list(find_data_faults(drawn_crops.root, "cow")) == []


def test_it_is_made_once_and_only_for_the_columns_that_are_asked_for(drawn_crops, published):
    ref = run(drawn_crops, published)
    asked, kept = Fake.asked, snapshots.read(drawn_crops).kept
    assert asked == kept
    assert run(drawn_crops, published) == ref and Fake.asked == asked
    less = run(drawn_crops, published, ["cam"])
    assert less != ref and Fake.asked == 2 * asked
    assert shards.manifest(derived_shard(less, 0)).columns == ("cam.npz",)
    with pytest.raises(CorruptArtifact, match="has no readable column kp"):
        read_column(less, "train", KEYPOINTS)


def test_killed_while_it_is_made_a_rerun_goes_on_and_the_bytes_are_the_same(drawn_crops, published, tmp_path):
    first = snapshots.shard(drawn_crops, snapshots.read(drawn_crops).shards[0])
    recipe, model = derived_recipe(drawn_crops, published, ["cam"]), Store(drawn_crops.root).model("cow", "laptop-1")
    shard, step, seen = Store(drawn_crops.root).derived("cow", digest(recipe), 0), 0, []
    while killed_at(step, lambda: distil.fn(first, recipe, model, "cpu")):
        seen.append(shards.find_committed(shard))
        step += 2
    whole = shards.manifest(shard)
    assert len(seen) > 5 and seen[0] is None and all(entry in (None, whole) for entry in seen)
    other = DerivedRef(crops=drawn_crops, digest=digest(recipe))
    flip(str(tmp_path / "data" / "cow" / "derived" / other.digest / "00000.tar"), 700)
    assert plain(distil.fn(first, recipe, model, "cpu")) == shard
    assert shards.manifest(shard) == whole and len(shards.quarantine_notes(drawn_crops.root, "cow")) == 1


def test_crops_that_were_dropped_have_a_row_and_no_columns(drawn_crops, published):
    ref = run(drawn_crops, published)
    rows = shards.verify(derived_shard(ref, 0))
    dropped = [row for row in rows if not row.kept]
    assert dropped and all(row.parts == {} and row.reason for row in dropped)
    assert len(rows) == shards.manifest(snapshots.shard(drawn_crops, snapshots.read(drawn_crops).shards[0])).rows


def test_another_model_other_crops_or_other_settings_have_another_name(drawn_crops, published, store):
    publish(store, "laptop-2", weights={"animal.safetensors": "cd" * 32})
    other = published_releases(store, "cow")[1]
    first = derived_recipe(drawn_crops, published, ["cam"])
    finer = DerivationConfig(size=128)
    recipes = [
        first,
        derived_recipe(drawn_crops, other, ["cam"]),
        derived_recipe(drawn_crops, published, ["cam"], finer),
    ]
    assert len({digest(recipe) for recipe in recipes}) == 3
    assert digest(derived_recipe(drawn_crops, published, ["kp", "cam"])) == digest(
        derived_recipe(drawn_crops, published, ["cam", "kp"])
    )


def test_what_cannot_be_derived_is_refused_before_any_work(drawn_crops, published):
    with pytest.raises(ValueError, match="column 'depht' is unknown; choose among image, mask, cam"):
        derived_recipe(drawn_crops, published, ["depht"])
    with pytest.raises(ValueError, match=r"columns \['image'\] are stored with the crops; there is nothing to derive"):
        derived_recipe(drawn_crops, published, ["image"])
    with pytest.raises(MissingArtifact, match="derived"):
        read_column(DerivedRef(crops=drawn_crops, digest="0123"), "train", CAMERA)


def test_a_trained_model_gives_all_columns_that_can_be_derived(model, crops):
    ref = ReleaseRef(root=model.root, category="cow", run=model.run)
    about = ReleaseAbout(method="magicpony", scale="smoke", snapshot=crops.snapshot, weights=stage_digests(model))
    settings = DerivationConfig(views=2, size=16, points=8)
    recipe = derived_recipe(crops, Release(ref, about), ["cam", "mesh", "arti", "kp", "views"], settings)
    shard = distil.fn(snapshots.shard(crops, snapshots.read(crops).shards[0]), recipe, model, "cpu")
    (answer, *_) = samples.of_shard(shard)
    assert answer.columns.keys() == {"cam.npz", "mesh.npz", "arti.npz", "kp.npz", "nv.npz"}
    camera, mesh, points, views = (
        column.decode(answer.columns[column.extension], "0").estimate for column in (CAMERA, MESH, KEYPOINTS, VIEWS)
    )
    seen = PerspectiveCamera(torch.from_numpy(camera.T_camera_world)[None], float(camera.fov))
    projected = seen.project(torch.from_numpy(mesh.vertices)[None])[0].numpy()
    assert np.allclose(projected[points.vertex], points.points, atol=1e-5)
    assert views.rgb.shape == (2, 16, 16, 3)
