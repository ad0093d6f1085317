import os

import pytest
from PIL import Image

from tasks.inference.photo_listing import (
    describe_others,
    find_mask,
    list_folder,
    pictures_digest,
    shown_name,
)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "photos"
    place.mkdir()
    put(place, "a.png")
    return place


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4)).save(folder / name, "PNG")


def names(folder):
    return [shown_name(file, folder) for file in list_folder(folder).pictures]


def test_sub_folders_and_linked_folders_are_read_once(folder, tmp_path):
    put(tmp_path, "elsewhere/b.png")
    put(folder, "herd/a.png", "called.png/c.png")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere")
    (folder / "linked" / "round").symlink_to(folder)
    assert names(folder) == ["a.png", "again/b.png", "called.png/c.png", "herd/a.png"]


def test_what_is_no_picture_by_its_name_is_told_and_litter_is_not(folder):
    for name in ("notes.txt", "bess.HEIC", "Thumbs.db", "desktop.ini", ".DS_Store", ".hidden.png"):
        (folder / name).write_bytes(b"foreign")
    put(folder, "@eaDir/a.png/thumb.jpg", "__MACOSX/a.png")
    assert names(folder) == ["a.png"]
    others = list_folder(folder).others
    assert [file.name for file in others] == ["bess.HEIC", "notes.txt"]
    assert describe_others(folder, others).startswith(
        f"{folder}: left out as no pictures: 2 (.heic, .txt; one is bess.HEIC); give .jpg"
    )


def test_what_has_the_name_of_a_picture_and_is_no_file_is_listed_so_that_it_can_be_told(folder):
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.png").symlink_to(folder / "nowhere")
    assert names(folder) == ["a.png", "gone.png", "pipe.jpg"]


def test_a_folder_without_a_picture_is_named(tmp_path):
    with pytest.raises(ValueError, match="has no picture; give a folder with files that end in .jpg"):
        list_folder(tmp_path)


@pytest.mark.parametrize("mask", ["a.mask.png", "A.MASK.PNG", "a.Mask.jpg", "a.mask.webp"])
def test_a_mask_is_known_whatever_its_capitals_and_its_kind(folder, mask):
    put(folder, mask)
    assert names(folder) == ["a.png"] and find_mask(folder / "a.png") == folder / mask
    assert list_folder(folder).others == ()


def test_a_mask_that_comes_later_is_seen(folder):
    assert find_mask(folder / "a.png") is None
    put(folder, "a.mask.png")
    assert find_mask(folder / "a.png") == folder / "a.mask.png"


def test_two_masks_are_one_too_many(folder):
    put(folder, "a.mask.png", "a.mask.jpg")
    with pytest.raises(ValueError, match=r"a\.png: has two masks, a\.mask\.jpg and a\.mask\.png; keep one"):
        find_mask(folder / "a.png")


def test_a_mask_without_its_photo_is_told_as_a_picture(folder):
    put(folder, "b.mask.png")
    assert names(folder) == ["a.png", "b.mask.png"]


def test_what_a_reconstruction_has_written_is_no_photo(folder):
    put(folder, "a_mask.png", "a_overlay.jpg", "a_views.jpg", "b_mask.png")
    (folder / "a_vertices.npz").touch()
    listing = list_folder(folder)
    assert [file.name for file in listing.pictures] == ["a.png", "b_mask.png"] and listing.others == ()


def test_a_name_that_is_no_utf8_is_shown_with_its_bytes(folder):
    put(folder, os.fsdecode(b"k\xfchl.png"))
    assert names(folder) == ["a.png", r"k\xfchl.png"]
    assert len(pictures_digest(folder)) == 64


def test_what_is_no_picture_renames_no_data(folder):
    put(folder, "a.mask.png")
    before = pictures_digest(folder)
    for name in ("notes.txt", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"foreign")
    os.mkfifo(folder / "pipe.jpg")
    assert pictures_digest(folder) == before
    moved = folder.rename(folder.with_name("moved"))
    assert pictures_digest(moved) == before
    (moved / "a.mask.png").write_bytes(b"another mask")
    assert pictures_digest(moved) != before
    with pytest.raises(ValueError, match="photos: is no folder; give the path of one"):
        pictures_digest(folder)
