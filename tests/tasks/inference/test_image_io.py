import io
import os
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tasks.inference import image_io
from tasks.inference.image_io import load_image

ROOT = Path(__file__).parents[3]


def test_a_grey_picture_is_read_as_rgb(tmp_path):
    Image.fromarray(np.full((4, 6), 7, np.uint8)).save(tmp_path / "grey.png")
    assert load_image(tmp_path / "grey.png")[0].shape == (4, 6, 3)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0 torn"])
def test_a_corrupt_picture_is_named_with_a_remedy(tmp_path, data):
    (tmp_path / "photo.jpg").write_bytes(data)
    with pytest.raises(ValueError, match=r"photo.jpg: cannot be read as a picture.*; give a JPEG, PNG or WebP file$"):
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


def test_a_mask_of_another_size_is_named(tmp_path):
    saved(tmp_path / "a.mask.png", np.eye(3, dtype=np.uint8) * 255)
    with pytest.raises(ValueError, match=r"a\.mask\.png: is 3 x 3 px, its photo 6 x 4; resize it"):
        load_image(saved(tmp_path / "a.jpg", PHOTO))


def test_a_mask_of_a_turned_photo_that_was_not_turned_is_not_to_be_resized(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    saved(tmp_path / "a.mask.png", np.eye(4, 6, dtype=np.uint8) * 255)
    with pytest.raises(ValueError, match=r"a\.mask\.png: is 6 x 4 px, its photo 4 x 6; .*turn the mask likewise"):
        load_image(saved(tmp_path / "a.png", PHOTO, exif=exif))


def test_an_empty_mask_is_named(tmp_path):
    saved(tmp_path / "a.mask.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"a\.mask\.png: the mask is empty; paint the animal white"):
        load_image(saved(tmp_path / "a.jpg", PHOTO))


def test_a_picture_that_is_too_large_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(image_io.MOST_PIXELS, "PNG", 10)
    with pytest.raises(ValueError, match=r"a\.png: is too large, 6 x 4 px; make it smaller than"):
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


def test_a_picture_of_few_pixels_and_a_long_side_is_refused(tmp_path):
    Image.new("L", (9_000, 2)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: is too large, 9000 x 2 px; make it smaller than .* 8192 px a side"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("side", [6_400, 9_400, 13_000, 20_000])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, side):
    with pytest.raises(ValueError, match=r"bomb\.png: is too large.*; make it smaller than"):
        load_image(bomb(tmp_path / "bomb.png", side))


def test_a_bomb_for_a_mask_is_named_and_not_its_photo(tmp_path):
    bomb(tmp_path / "a.mask.png")
    with pytest.raises(ValueError, match=r"a\.mask\.png: is too large"):
        load_image(saved(tmp_path / "a.jpg", PHOTO))


@pytest.mark.parametrize("form", ["WEBP", "PNG"])
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


def test_of_a_photo_with_a_second_one_in_it_the_first_is_the_picture(tmp_path):
    first, second = Image.new("RGB", (16, 8), "red"), Image.new("RGB", (8, 4), "blue")
    first.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second])
    assert load_image(tmp_path / "phone.jpg")[0].shape == (8, 16, 3)


@pytest.mark.parametrize("kind", ["GIF", "EPS", "BMP", "TIFF", "AVIF", "PPM", "ICO", "JPEG2000", "DDS", "TGA"])
def test_what_is_promised_is_read_and_nothing_else(tmp_path, kind):
    Image.new("RGB", (16, 8), "red").save(tmp_path / "holiday.jpg", kind)
    with pytest.raises(ValueError, match=r"holiday\.jpg: cannot be read as a picture; give a JPEG, PNG or WebP file"):
        load_image(tmp_path / "holiday.jpg")


def test_the_inks_of_a_printed_photo_become_its_colours(tmp_path):
    colours = Image.new("RGB", (24, 8))
    for place, colour in enumerate(("white", "red", "navy")):
        colours.paste(colour, (8 * place, 0, 8 * place + 8, 8))
    colours.convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    with Image.open(tmp_path / "print.jpg") as printed:
        assert printed.mode == "CMYK"
    image, _ = load_image(tmp_path / "print.jpg")
    assert np.abs(image.astype(int) - np.asarray(colours)).mean() < 6


def modes():
    """Every mode that the three formats can hold, with its format."""
    plain = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 10, 3), np.uint8))
    coloured = ("1", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")
    pictures = [plain.convert(mode) for mode in coloured]
    pictures += [plain.convert("L").convert(mode) for mode in ("L", "LA", "I", "F", "I;16")]
    pictures += [plain.convert("RGBA").convert("RGBa"), plain.convert("LA").convert("PA")]
    for picture in pictures:
        for form in ("PNG", "JPEG", "WEBP"):
            try:
                picture.save(io.BytesIO(), form)
            except (OSError, ValueError):
                continue
            yield pytest.param(picture, form, id=f"{picture.mode}-{form}")


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(("picture", "form"), list(modes()))
def test_every_mode_and_every_way_up_is_read_as_rgb(tmp_path, picture, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", form, exif=exif)
    image, _ = load_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert image.shape == ((10, 12, 3) if orientation in (5, 6, 7, 8) else (12, 10, 3))


def test_damaged_notes_of_a_camera_spoil_no_pixel(tmp_path, caplog):
    saved(tmp_path / "a.png", PHOTO, exif=b"Exif\0\0no TIFF at all")
    assert np.array_equal(load_image(tmp_path / "a.png")[0], PHOTO)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_damaged_bytes_fail_in_one_way(tmp_path, form):
    noise = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(noise.integers(0, 255, (40, 40, 3), np.uint8)).save(buffer, form)
    whole = np.frombuffer(buffer.getvalue(), np.uint8)
    for _ in range(150):
        bytes_, places = whole.copy(), noise.integers(0, len(whole), 4)
        bytes_[places] = noise.integers(0, 255, 4)
        (tmp_path / "a.jpg").write_bytes(bytes_[: noise.integers(1, len(whole) + 1)].tobytes())
        try:
            assert load_image(tmp_path / "a.jpg")[0].shape[2] == 3
        except ValueError as error:
            assert str(error).startswith(str(tmp_path / "a.jpg"))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30, "subsampling": 2}])
def test_a_jpeg_may_lack_its_end_and_no_pixel(tmp_path, options):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 72, 3), np.uint8)
    whole = saved(tmp_path / "a.jpg", pixels, **options).read_bytes()
    image = load_image(tmp_path / "a.jpg")[0]
    for lost in (1, 2):
        (tmp_path / "a.jpg").write_bytes(whole[:-lost])
        assert np.array_equal(load_image(tmp_path / "a.jpg")[0], image)
    for lost in (8, 40, len(whole) // 2):
        (tmp_path / "a.jpg").write_bytes(whole[:-lost])
        with pytest.raises(ValueError, match=r"a\.jpg: cannot be read as a picture .*truncated"):
            load_image(tmp_path / "a.jpg")


def test_a_decoder_that_fails_in_its_own_way_is_told_of_its_file(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.jpg", PHOTO)
    monkeypatch.setattr(Image.Image, "load", lambda _: (_ for _ in ()).throw(RuntimeError("Failed to decode frame 0")))
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read as a picture \(Failed to decode frame 0\)"):
        load_image(path)


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    os.mknod(tmp_path / "s.png", stat.S_IFSOCK | 0o600)
    for name, words in {
        "pipe.jpg": "is a named pipe; give a file",
        "folder.png": "is a folder; give a file",
        "zero.png": "is a device; give a file",
        "gone.png": "cannot be opened .No such file or directory.",
        "round.png": "cannot be opened .Too many levels",
        "s.png": "cannot be opened .No such device",
    }.items():
        with pytest.raises(ValueError, match=f"{name}: {words}"):
            load_image(tmp_path / name)


def test_a_name_that_is_no_utf8_is_a_name(tmp_path):
    path = tmp_path / os.fsdecode(b"k\xfchl.png")
    assert np.array_equal(load_image(saved(path, PHOTO))[0], PHOTO)


def test_white_on_a_transparent_ground_is_a_mask_of_what_was_painted(tmp_path):
    painted = np.zeros((4, 6, 4), np.uint8)
    painted[..., :3] = 255
    painted[1:3, 2:5, 3] = 255
    saved(tmp_path / "a.mask.png", painted)
    assert np.array_equal(load_image(saved(tmp_path / "a.jpg", PHOTO))[1], painted[..., 3] > 0)


def test_a_photo_that_is_transparent_at_its_corners_only_has_no_mask(tmp_path):
    alpha = np.full((64, 64, 1), 255, np.uint8)
    alpha[:3, :3] = alpha[-3:, -3:] = 0
    path = saved(tmp_path / "a.png", np.concatenate([np.zeros((64, 64, 3), np.uint8), alpha], 2))
    assert load_image(path)[1] is None


@pytest.mark.parametrize(
    ("value", "area", "words"),
    [
        (255, np.s_[:, :63], r"the mask covers 98\.4 % of the photo"),
        (255, np.s_[:1, :1], "the mask has 1 pixels, which is no animal"),
        (1, np.s_[9:30, 9:30], "its brightest value is 1 of 255; paint the animal white"),
    ],
)
def test_a_mask_that_is_none_is_named_with_what_is_wrong(tmp_path, value, area, words):
    mask = np.zeros((64, 64), np.uint8)
    mask[area] = value
    saved(tmp_path / "a.mask.png", mask)
    with pytest.raises(ValueError, match=rf"a\.mask\.png: {words}"):
        load_image(saved(tmp_path / "a.jpg", np.zeros((64, 64, 3), np.uint8)))


def test_colours_are_those_that_the_profile_of_the_photo_means(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(load_image(saved(tmp_path / "a.png", PHOTO, icc_profile=srgb))[0], PHOTO)
    assert np.array_equal(load_image(saved(tmp_path / "b.png", PHOTO, icc_profile=lab))[0], PHOTO)
    assert np.array_equal(load_image(saved(tmp_path / "c.png", PHOTO, icc_profile=b"torn"))[0], PHOTO)
    swapped = bytearray(srgb)
    red, green = (srgb.index(tag) for tag in (b"rXYZ", b"gXYZ"))
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    swapped = bytes(swapped).replace("sRGB built-in".encode("utf-16-be"), "a wide phone.".encode("utf-16-be"))
    flat = np.full((4, 6, 3), (200, 10, 10), np.uint8)
    image = load_image(saved(tmp_path / "d.png", flat, icc_profile=swapped))[0]
    assert np.abs(image.astype(int) - (10, 200, 10)).max() <= 3


MEASURE = """
import resource, sys
from pathlib import Path
import numpy as np
from tasks.inference.image_io import load_image
from models.data.framing import crop_animal
from tasks.inference.photo_folder import _tinted
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pixels, mask = load_image(Path(sys.argv[1]))
mask = np.ones(pixels.shape[:2], bool) if mask is None else mask
crop_animal(pixels, mask, 128)
_tinted(pixels, mask)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "mode", "side"),
    [
        ("PNG", "RGB", 6324),
        ("PNG", "RGBA", 6324),
        ("PNG", "I;16", 6324),
        ("JPEG", "RGB", 6324),
        ("JPEG", "CMYK", 6324),
        ("WEBP", "RGBA", 4472),
    ],
)
def test_the_largest_photo_takes_half_a_gigabyte_at_most(tmp_path, form, mode, side):
    picture = Image.new(mode, (side, side), 0 if mode == "I;16" else None)
    if mode == "RGBA":
        picture.paste((9, 9, 9, 255), (0, 0, side, side // 2))
    picture.save(tmp_path / "a.jpg", form, **({"progressive": True, "subsampling": 0} if form == "JPEG" else {}))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "a.jpg")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout.split()[-1]) <= 500
