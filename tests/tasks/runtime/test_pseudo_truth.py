import numpy as np
import pytest

from models.data.columns import CAMERA, KEYPOINTS, CameraColumn, PseudoTruth
from storage.dataset import samples, shards, snapshots
from storage.dataset.derived import DerivedRecipe, derived_samples
from storage.store.errors import CorruptArtifact
from storage.store.references import DerivedRef, digest
from tasks.runtime.pseudo_truth import read_column
from tests.storage import material

RECIPE = DerivedRecipe(crops=digest(material.RECIPE), method="farm3d", model="0123", columns=("cam.npz",))


def camera(row):
    return CAMERA.encode(CameraColumn(np.full((4, 4), row.seed, np.float32), np.array(0.4, np.float32)))


def derived(store, encode):
    crops = store.curated("cow", digest(material.RECIPE), 0)
    parent = shards.write(crops, material.samples(9), material.RECIPE)
    stored = samples.of_shard(crops)
    answers = derived_samples(stored, stored.absent, lambda some: [{"cam.npz": encode(one.row)} for one in some], 4)
    shards.write(store.derived("cow", digest(RECIPE), 0), answers, RECIPE, parent.tar_sha256)
    return DerivedRef(crops=snapshots.commit([crops]), digest=digest(RECIPE))


def test_a_column_comes_in_the_order_of_the_crops_as_the_answer_of_its_model(store):
    ref = derived(store, camera)
    for split in ("train", "validation"):
        answers, crops = read_column(ref, split, CAMERA), samples.of_dataset(ref.crops, split)
        assert all(type(answer) is PseudoTruth and answer.model == "0123" for answer in answers)
        assert [answer.estimate.T_camera_world[0, 0] for answer in answers] == [row.seed for row in crops.rows]


@pytest.mark.parametrize(("encode", "column"), [(lambda row: b"torn", CAMERA), (camera, KEYPOINTS)])
def test_a_column_that_cannot_be_read_is_named_with_its_sample(store, encode, column):
    with pytest.raises(CorruptArtifact, match=f"00000.tar: sample cow-[0-9a-f]+ has no readable column {column.name}"):
        read_column(derived(store, encode), "train", column)
