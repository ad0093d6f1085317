import os

import pytest

from models.core.errors import MissingWeights
from models.data.prompts import requests
from models.generators import StableDiffusionConfig
from storage.dataset import samples, shards
from storage.store import layout
from storage.store.errors import StorageFull
from storage.store.references import digest
from tasks import generate as module
from tasks.generate import generate
from tasks.runtime.recipes import PhotoRecipe
from tests.tasks.material import COW, PHOTOS

make = generate.fn


def test_a_shard_holds_its_part_of_the_prompt_sequence(drawn, store):
    second = store.raw("cow", digest(PHOTOS), 1)
    assert make(second, PHOTOS, "cpu") == second
    made = samples.of_shard(second)
    assert [row.prompt for row in made.rows] == [each.prompt for each in requests(COW, 8, 8)]
    assert all(row.model == "weights/teacher" and row.model_digest == "drawn" for row in made.rows)
    assert made[0].image.shape == (48, 48, 3)


def test_a_row_says_how_its_photo_was_sampled(drawn, store):
    generator = PHOTOS.generator.model_copy(update={"guidance": 7.5, "negative_prompt": "a toy"})
    recipe = PHOTOS.model_copy(update={"generator": generator})
    (row, *_) = samples.of_shard(make(store.raw("cow", digest(recipe), 0), recipe, "cpu")).rows
    assert (row.sampler, row.steps, row.guidance, row.negative_prompt) == ("Ellipses", 25, 7.5, "a toy")


def test_no_photo_is_made_twice(drawn, photos):
    make(photos, PHOTOS, "cpu")
    before = layout.tar(photos), os.stat(layout.tar(photos)).st_mtime_ns
    state = make(photos, PHOTOS, "cpu")
    assert state.name == "Reused" and state.is_completed()
    assert drawn.photos == 8 and before == (layout.tar(photos), os.stat(layout.tar(photos)).st_mtime_ns)


def test_a_death_half_way_leaves_nothing_and_the_next_attempt_makes_the_same_shard(drawn, photos, store, monkeypatch):
    make(photos, PHOTOS, "cpu")
    whole = shards.manifest(photos).tar_sha256
    other = store.raw("cow", digest(PHOTOS), 0).model_copy(update={"root": store.root + "-2"})
    draw = drawn.generate
    drawn.photos = 0

    def dies(prompts, seeds):
        if drawn.photos >= 4:
            raise KeyboardInterrupt
        return draw(prompts, seeds)

    with monkeypatch.context() as patch:
        patch.setattr(drawn, "generate", dies)
        with pytest.raises(KeyboardInterrupt):
            make(other, PHOTOS, "cpu")
    assert shards.find_committed(other) is None
    drawn.photos = 0
    make(other, PHOTOS, "cpu")
    assert shards.manifest(other).tar_sha256 == whole


def test_a_truncated_shard_is_put_aside_and_made_again(drawn, photos):
    make(photos, PHOTOS, "cpu")
    whole = shards.manifest(photos)
    os.truncate(layout.tar(photos), 5000)
    drawn.photos = 0
    make(photos, PHOTOS, "cpu")
    assert shards.manifest(photos) == whole
    (found,) = shards.quarantine_notes(photos.root, "cow")
    assert "5000 bytes" in found.reason


def test_a_full_disk_leaves_nothing_half_written(drawn, photos, monkeypatch):
    def full(file, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("storage.store.files.os.write", full)
        with pytest.raises(StorageFull, match="00000.tar: there is no room for .* free some space"):
            make(photos, PHOTOS, "cpu")
    assert shards.find_committed(photos) is None
    drawn.photos = 0
    assert make(photos, PHOTOS, "cpu") == photos


def test_missing_weights_are_named_with_a_remedy(photos, tmp_path):
    generator = StableDiffusionConfig(model=str(tmp_path / "nowhere"))
    recipe = PhotoRecipe(words=COW.words, generator=generator, weights_digest="none", photos=4)
    with pytest.raises(MissingWeights, match=r"nowhere does not exist; mend the path"):
        make(photos.model_copy(update={"digest": digest(recipe)}), recipe, "cpu")


def test_corrupt_weights_are_named_with_a_remedy(photos, tmp_path):
    (tmp_path / "model_index.json").write_text("{}")
    generator = StableDiffusionConfig(model=str(tmp_path))
    recipe = PhotoRecipe(words=COW.words, generator=generator, weights_digest="none", photos=4)
    with pytest.raises(MissingWeights, match="cannot be loaded"):
        make(photos.model_copy(update={"digest": digest(recipe)}), recipe, "cpu")


def test_it_is_tried_again_only_where_that_can_help():
    assert generate.retries == 2 and generate.retry_condition_fn is module.is_transient
