import json
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from storage.dataset import export, samples, shards, snapshots
from storage.dataset.export import _region
from storage.dataset.records import SampleRow
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, sample
from tests.storage.material import samples as drawn


@pytest.fixture
def ref(folder):
    shard = Store(folder).curated("cow", digest(RECIPE), 0)
    shards.write(shard, drawn(30), RECIPE)
    return snapshots.commit([shard])


def test_every_kept_crop_is_a_file_with_the_bytes_of_its_shard(ref, tmp_path):
    counts = export.export(ref, str(tmp_path / "out"))
    assert sum(counts.values()) == 29 and counts["validation"] > 0
    for split, count in counts.items():
        stored = samples.of_dataset(ref, split)
        assert len(list((tmp_path / "out" / split).glob("*.jpg"))) == count == len(stored)
        for number, row in enumerate(stored.rows):
            for extension in ("jpg", "mask.png"):
                file = tmp_path / "out" / split / f"{row.key}.{extension}"
                assert file.read_bytes() == stored.members(number)[extension]


def test_each_picture_has_a_line_with_all_that_was_recorded_of_it(folder, tmp_path):
    told = {"sampler": "DDIMScheduler", "steps": 20, "guidance": 7.5, "negative_prompt": "a toy", "coat": "brown"}
    shard = Store(folder).curated("cow", digest(RECIPE), 0)
    shards.write(shard, [sample(seed, **told) for seed in range(8)], RECIPE)
    ref = snapshots.commit([shard])
    export.export(ref, str(tmp_path / "out"))
    lines = [json.loads(line) for line in (tmp_path / "out/train/metadata.jsonl").read_text().splitlines()]
    rows = {row.key: row for row in samples.of_dataset(ref, "train").rows}
    assert len(lines) == len(rows) > 0
    for line in lines:
        row = rows[line["key"]]
        assert line["file_name"] == f"{row.key}.jpg" and told.items() <= line.items()
        image = (tmp_path / "out/train" / line["file_name"]).read_bytes()
        assert line["sha256"] == sha256(image).hexdigest()
        line.pop("file_name")
        assert SampleRow.model_validate(line | {"parts": row.parts}) == row


def test_coco_masks_unfold_to_the_masks(ref, tmp_path):
    export.export(ref, str(tmp_path / "out"))
    coco = json.loads((tmp_path / "out/train/coco.json").read_text())
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    assert coco["categories"] == [{"id": 1, "name": "cow"}]
    # With a crowd, or with the number 0, COCO's own evaluation says of the truth itself that it is wrong.
    assert not any(each["iscrowd"] for each in coco["annotations"])
    assert sorted(each["id"] for each in coco["annotations"]) == list(range(1, len(names) + 1))
    for each in coco["annotations"]:
        height, width = each["segmentation"]["size"]
        values = np.repeat(np.arange(len(each["segmentation"]["counts"])) % 2, each["segmentation"]["counts"])
        mask = values.reshape(width, height).T > 0
        stored = Image.open(tmp_path / "out/train" / names[each["image_id"]].replace(".jpg", ".mask.png"))
        assert np.array_equal(mask, np.array(stored)) and each["area"] == mask.sum()


@pytest.mark.parametrize("first", [True, False])
def test_run_lengths_begin_with_what_is_off(first):
    mask = np.zeros((2, 3), bool)
    mask[0, 0], mask[1, 2] = first, True
    region = _region(mask)
    assert region["segmentation"]["counts"] == ([0, 1, 4, 1] if first else [5, 1])
    assert region["bbox"] == ([0, 0, 3, 2] if first else [2, 1, 1, 1])


def test_a_folder_with_something_in_it_is_left_alone(ref, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty; give a new folder"):
        export.export(ref, str(tmp_path))
