import numpy as np
import pytest
from PIL import Image

from storage.dataset import samples, shards, snapshots
from storage.store import files, layout
from storage.store.references import digest
from tasks.filter import filter
from tasks.generate import generate
from tasks.inference.folder_source import folder_samples
from tasks.reports.cards import dataset_page
from tasks.runtime.recipes import OwnPhotos
from tasks.segment import segment
from tests.tasks.material import CROPS, PHOTOS, Drawn, plain


@pytest.fixture
def folder(tmp_path):
    """Five red ellipses of two shapes; two have masks, one is torn."""
    place = tmp_path / "photos"
    place.mkdir()
    for seed in range(5):
        photo = Image.fromarray(Drawn().draw(seed, blank=False)).resize((96, 96 if seed % 2 else 72))
        photo.save(place / f"cow{seed}.png")
    for seed in (1, 2):
        mask = np.zeros((96 if seed % 2 else 72, 96), bool)
        mask[20:55, 22:70] = True
        Image.fromarray(mask).save(place / f"cow{seed}.mask.png")
    (place / "cow3.png").write_bytes((place / "cow3.png").read_bytes()[:200])
    return place


def named(folder):
    return OwnPhotos(folder=str(folder), size=64)


def recipe(folder):
    own = named(folder)
    return PHOTOS.model_copy(update={"generator": own.photographs, "weights_digest": own.digest(), "photos": 8})


def shard(store, photos):
    return store.raw("cow", digest(photos), 0)


def test_photos_keep_their_shape_and_their_masks(store, folder):
    photos = recipe(folder)
    generate.fn(shard(store, photos), photos, "cpu", named(folder))
    kept = {each.row.prompt: each for each in samples.of_shard(shard(store, photos))}
    assert set(kept) == {"cow0.png", "cow1.png", "cow2.png", "cow4.png"}
    assert kept["cow1.png"].image.shape == (64, 64, 3) and kept["cow0.png"].image.shape == (48, 64, 3)
    assert kept["cow0.png"].mask is None and kept["cow2.png"].mask.shape == (48, 64)
    assert kept["cow2.png"].mask.mean() == pytest.approx(35 * 48 / 72 / 96, abs=0.02)


def test_a_known_mask_is_used_and_the_others_are_looked_for(store, folder, drawn):
    photos = recipe(folder)
    crops = CROPS.model_copy(update={"photos": photos})
    made = plain(generate.fn(shard(store, photos), photos, "cpu", named(folder)))
    cut = plain(segment.fn(plain(filter.fn(made, crops)), crops, "cpu"))
    rows = {row.prompt: row for row in shards.rows(cut, shards.manifest(cut))}
    assert [name for name, row in rows.items() if not row.kept] == ["cow3.png"]
    assert rows["cow1.png"].scores == {"mask": 1.0} and rows["cow0.png"].scores["mask"] == pytest.approx(0.9)


def test_the_same_photo_has_the_same_key_and_other_photos_another(store, folder):
    first, again = (list(folder_samples(shard(store, recipe(folder)), recipe(folder), named(folder))) for _ in "ab")
    assert [each.row.key for each in first] == [each.row.key for each in again]
    assert len({each.row.key for each in first}) == 5
    assert all(each.row.view == "" and each.row.model == "own photos" for each in first)


def test_a_moved_folder_is_the_same_data_set_and_its_shards_have_the_same_bytes(store, folder):
    photos, at = recipe(folder), shard(store, recipe(folder))
    made = [shards.write(at, folder_samples(at, photos, named(folder)), photos)]
    for where in (layout.manifest, layout.tar, layout.table):
        files.remove(where(at))
    moved = folder.rename(folder.with_name("of last year"))
    assert recipe(moved) == photos and digest(recipe(moved)) == digest(photos)
    made.append(shards.write(at, folder_samples(at, photos, named(moved)), photos))
    assert made[0] == made[1]


def test_photos_of_a_folder_that_nobody_names_are_not_drawn(store, folder):
    photos = recipe(folder)
    with pytest.raises(ValueError, match="is of somebody's own photos; name their folder in own_photos"):
        generate.fn(shard(store, photos), photos, "cpu")


def test_a_folder_of_nothing_but_torn_photos_is_an_error(store, folder):
    for each in folder.glob("*.png"):
        each.write_bytes(b"\x89PNG torn")
    photos = recipe(folder)
    with pytest.raises(ValueError, match=r"no photo of shard 0 can be used; .*cow0\.png: cannot be read"):
        generate.fn(shard(store, photos), photos, "cpu", named(folder))
    assert shards.find_committed(shard(store, photos)) is None


def test_a_second_shard_has_the_photos_after_the_first(store, folder):
    photos = recipe(folder).model_copy(update={"photos": 2})
    second = shard(store, photos).model_copy(update={"index": 1})
    found = [(each.row.prompt, each.row.reason) for each in folder_samples(second, photos, named(folder))]
    assert found == [("cow2.png", ""), ("cow3.png", "unusable")]


def test_sub_folders_belong_to_the_folder_and_to_the_names_of_their_photos(store, folder, caplog):
    (folder / ".trash").mkdir()
    (folder / "bess" / "old").mkdir(parents=True)
    for place in ("bess", "bess/old"):
        (folder / place / "cow0.png").write_bytes((folder / "cow0.png").read_bytes())
        (folder / place / "notes.txt").touch()
    for name in ("cow2.png", "cow2.mask.png"):
        (folder / "bess" / name).write_bytes((folder / name).read_bytes())
    (folder / ".trash" / "cow9.png").write_bytes((folder / "cow1.png").read_bytes())
    photos = recipe(folder).model_copy(update={"photos": 20})
    found = {each.row.prompt: each for each in folder_samples(shard(store, photos), photos, named(folder))}
    new = {"bess/cow0.png", "bess/cow2.png", "bess/old/cow0.png", "bess/notes.txt", "bess/old/notes.txt"}
    assert set(found) == {f"cow{seed}.png" for seed in range(5)} | new
    assert len({each.row.key for each in found.values()}) == len(found)
    assert found["bess/cow2.png"].mask.any() and found["bess/old/cow0.png"].mask is None
    assert "no pictures: 2 (.txt; one is bess/notes.txt)" in caplog.text


@pytest.fixture
def more(folder):
    """Files beside the photos that are none."""
    for name in ("bess.gif", "daisy.HEIC", "notes.txt", "README", ".DS_Store"):
        (folder / name).write_bytes(b"no picture that is read")
    return folder


def test_files_that_are_no_pictures_are_counted_in_one_line(store, more, caplog):
    for index in range(2):
        photos = recipe(more).model_copy(update={"photos": 2})
        list(folder_samples(shard(store, photos).model_copy(update={"index": index}), photos, named(more)))
    (said,) = caplog.messages
    assert said.startswith(
        f"{more}: left out as no pictures: 4 (.gif, .heic, .txt, no ending; one is README); give .jpg"
    )


def test_the_card_has_every_file_that_gave_no_photo(store, more, drawn):
    photos = recipe(more)
    crops = CROPS.model_copy(update={"photos": photos})
    made = plain(generate.fn(shard(store, photos), photos, "cpu", named(more)))
    cut = plain(segment.fn(plain(filter.fn(made, crops)), crops, "cpu"))
    attempted = {path.name for path in more.iterdir() if path.name[0] != "." and not path.name.endswith(".mask.png")}
    assert {row.prompt for row in shards.rows(cut, shards.manifest(cut))} == attempted
    card = dataset_page(snapshots.commit([cut]))["DATASET_CARD.md"].decode()
    assert "4 crops of 32 px, kept of 9 files." in card
    assert "| no picture | 4 | 44.4% |" in card and "| unusable | 1 | 11.1% |" in card
