import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tasks.inference.image_io import list_images, load_image


def test_a_grey_picture_is_read_as_rgb(tmp_path):
    Image.fromarray(np.full((4, 6), 7, np.uint8)).save(tmp_path / "grey.png")
    assert load_image(tmp_path / "grey.png")[0].shape == (4, 6, 3)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0 torn"])
def test_a_corrupt_picture_is_named_with_a_remedy(tmp_path, data):
    (tmp_path / "photo.jpg").write_bytes(data)
    with pytest.raises(ValueError, match=r"photo.jpg: cannot be read as a picture; give a JPEG, PNG or WebP file"):
        load_image(tmp_path / "photo.jpg")


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


PHOTO = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_a_picture_is_upright_as_its_camera_noted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it
    assert np.array_equal(load_image(saved(tmp_path / "a.png", PHOTO, exif=exif))[0], np.rot90(PHOTO, -1))


def test_sixteen_bits_become_eight(tmp_path):
    deep = np.array([[0, 257 * 100, 65535]], np.uint16)
    assert load_image(saved(tmp_path / "a.png", deep))[0][0, :, 0].tolist() == [0, 100, 255]


def test_transparency_is_white_and_a_mask(tmp_path):
    alpha = np.zeros((4, 6, 1), np.uint8)
    alpha[1:3, 2:5] = 255
    path = saved(tmp_path / "a.png", np.concatenate([PHOTO, alpha], 2))
    assert (load_image(path)[0][0] == 255).all() and np.array_equal(load_image(path)[0][1, 2], PHOTO[1, 2])
    assert np.array_equal(load_image(path)[1], alpha[..., 0] > 0)


def test_full_opacity_says_nothing(tmp_path):
    path = saved(tmp_path / "a.png", np.concatenate([PHOTO, np.full((4, 6, 1), 255, np.uint8)], 2))
    assert load_image(path)[1] is None and load_image(saved(tmp_path / "b.png", PHOTO))[1] is None


def test_a_palette_with_a_transparent_colour_is_read(tmp_path):
    picture = Image.fromarray(PHOTO).quantize(8)
    picture.save(tmp_path / "a.png", transparency=int(np.asarray(picture)[0, 0]))
    assert load_image(tmp_path / "a.png")[0].shape == (4, 6, 3) and load_image(tmp_path / "a.png")[1] is not None


def test_a_mask_beside_the_photo_wins(tmp_path):
    path = saved(tmp_path / "a.png", np.concatenate([PHOTO, np.zeros((4, 6, 1), np.uint8)], 2))
    saved(tmp_path / "a.mask.png", np.eye(4, 6, dtype=np.uint8) * 255)
    assert np.array_equal(load_image(path)[1], np.eye(4, 6, dtype=bool))
    assert list_images(tmp_path) == [path]


def test_a_mask_of_another_size_is_named(tmp_path):
    saved(tmp_path / "a.mask.png", np.eye(3, dtype=np.uint8) * 255)
    with pytest.raises(ValueError, match=r"a\.mask\.png: is 3 x 3 px, its photo 6 x 4"):
        load_image(saved(tmp_path / "a.jpg", PHOTO))


def test_an_empty_mask_is_named(tmp_path):
    saved(tmp_path / "a.mask.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"a\.mask\.png: the mask is empty; paint the animal white"):
        load_image(saved(tmp_path / "a.jpg", PHOTO))


def test_a_picture_that_is_too_large_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"a\.png: is too large .*; make it smaller than 10 px"):
        load_image(saved(tmp_path / "a.png", PHOTO))


def bomb(path, side=20_000):
    """A PNG of few bytes that says that it has so many pixels along a side."""
    header, nothing = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), zlib.compress(b"")
    chunks = ((b"IHDR", header), (b"IDAT", nothing), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in chunks
        )
    )
    return path


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path):
    with pytest.raises(ValueError, match=r"bomb\.png: is too large .*400000000 pixels.*; make it smaller than"):
        load_image(bomb(tmp_path / "bomb.png"))


def test_a_bomb_for_a_mask_is_named_and_not_its_photo(tmp_path):
    bomb(tmp_path / "a.mask.png")
    with pytest.raises(ValueError, match=r"a\.mask\.png: is too large"):
        load_image(saved(tmp_path / "a.jpg", PHOTO))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_a_film_the_first_frame_is_the_picture(tmp_path, form):
    colours = ("red", "blue", "green")
    first, *others = (Image.new("RGB", (16, 8), colour) for colour in colours)
    options = {"lossless": True} if form == "WEBP" else {}
    first.save(tmp_path / "film.webp", form, save_all=True, append_images=others, duration=50, loop=0, **options)
    with Image.open(tmp_path / "film.webp") as film:
        assert film.n_frames == 3
    image, mask = load_image(tmp_path / "film.webp")
    assert image.shape == (8, 16, 3) and mask is None
    assert np.abs(image.astype(int) - (255, 0, 0)).max() <= 2


def test_the_inks_of_a_printed_photo_become_its_colours(tmp_path):
    colours = Image.new("RGB", (24, 8))
    for place, colour in enumerate(("white", "red", "navy")):
        colours.paste(colour, (8 * place, 0, 8 * place + 8, 8))
    colours.convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    with Image.open(tmp_path / "print.jpg") as printed:
        assert printed.mode == "CMYK"
    image, _ = load_image(tmp_path / "print.jpg")
    assert np.abs(image.astype(int) - np.asarray(colours)).mean() < 6


def test_sub_folders_are_read(tmp_path):
    (tmp_path / "herd").mkdir()
    paths = [saved(tmp_path / name, PHOTO) for name in ("a.png", "herd/a.png")]
    assert list_images(tmp_path) == paths


def test_what_is_no_picture_by_its_name_is_left_alone_and_what_only_has_the_name_is_named(tmp_path):
    saved(tmp_path / "a.png", PHOTO)
    for name in ("notes.txt", "Thumbs.db", ".DS_Store"):
        (tmp_path / name).write_bytes(b"foreign")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    assert [each.name for each in list_images(tmp_path)] == ["a.png", "folder.png", "gone.png"]
    for name in ("folder.png", "gone.png"):
        with pytest.raises(ValueError, match=f"{name}: cannot be read as a picture"):
            load_image(tmp_path / name)
