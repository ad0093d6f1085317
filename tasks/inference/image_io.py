"""One picture as it comes: turned by a camera's note, grey, 16 bit deep, of printing inks, with or without a mask.

The only place that opens a photo. Whatever is no photo is a ValueError of one sentence: the name, what is wrong with
it, what to do. A picture is refused by its header when decoding it would take more memory than `MOST_PIXELS` allows.
"""

import logging
import os
import stat
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from tasks.inference.photo_listing import find_mask

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP")
"""Decoders that are asked, whatever the name says; the others run programs, or read what nobody promised."""
MOST_PIXELS = {"JPEG": 40_000_000, "PNG": 40_000_000, "WEBP": 20_000_000}
"""Up to which reading one, cutting its animal out and drawing over it takes at most 500 MB; WebP decodes in copies."""
LONGEST_SIDE = 8192
STRIP_ROWS = 512
ENDS = b"\xff\xd9", b"\x55" * 64 + b"\xff\xd9"
"""Two ends of a JPEG file that lacks its own: where all pixels are there, what stands before the mark changes none."""
DEEP = 257
"""Between a step of 16 bits and one of 8."""
MOST_COVERED = 0.95
"""Share of a photo from which on what covers it is no animal, as in a screenshot with round corners."""
FEWEST_PIXELS = 16
"""Of an animal."""
KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def load_image(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture as RGB (height, width, 3), upright, white where it is transparent; and its mask, true on the animal.

    The mask is NAME.mask.png, else where a picture is not transparent unless that is nearly everywhere, else None.

    Raises ValueError if the file is no picture, or too large, or its mask is empty, or of another size.
    """
    picture, turned = _upright(path)
    alpha = _opaque(picture)
    pixels, beside = _on_white(picture), find_mask(path)
    del picture
    if beside:
        mask = _read_mask(beside)
        _check_size(mask, pixels, beside, turned)
        _check_cover(mask, beside)
        return pixels, mask
    if alpha is None or alpha.mean() > MOST_COVERED:
        return pixels, None
    _check_cover(alpha, path)
    return pixels, alpha


def _read_mask(path: Path) -> np.ndarray:
    """White is the animal; on a transparent ground whatever was painted is."""
    picture, _ = _upright(path)
    alpha = _opaque(picture)
    if alpha is not None and not alpha.all():
        return alpha
    mask = np.asarray(picture.convert("L"))
    if mask.any() and not (mask > 127).any():
        raise ValueError(f"{path}: its brightest value is {mask.max()} of 255; paint the animal white, 255, on black")
    return mask > 127


def _check_size(mask: np.ndarray, pixels: np.ndarray, where: Path, turned: bool) -> None:
    if mask.shape == pixels.shape[:2]:
        return
    remedy = "resize it"
    if turned and mask.shape == pixels.shape[1::-1]:
        remedy = "its camera noted that it was held upright; turn the mask likewise"
    raise ValueError(
        f"{where}: is {mask.shape[1]} x {mask.shape[0]} px, its photo {pixels.shape[1]} x {pixels.shape[0]}; {remedy}"
    )


def _check_cover(mask: np.ndarray, where: Path) -> None:
    if not mask.any():
        raise ValueError(f"{where}: the mask is empty; paint the animal white, or take the mask away")
    if (count := np.count_nonzero(mask)) < min(FEWEST_PIXELS, mask.size // 8):
        raise ValueError(f"{where}: the mask has {count} pixels, which is no animal; paint all of it white")
    if mask.mean() > MOST_COVERED:
        raise ValueError(
            f"{where}: the mask covers {100 * mask.mean():.1f} % of the photo; paint the animal white and the rest "
            "black, or take the mask away"
        )


def _opaque(picture: Image.Image) -> np.ndarray | None:
    return np.asarray(picture.getchannel("A")) > 127 if "A" in picture.getbands() else None


def _on_white(picture: Image.Image) -> np.ndarray:
    """Its colours over white, strip by strip: a second picture of forty million pixels would be one too many."""
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, STRIP_ROWS):
        strip = picture.crop((0, top, picture.width, min(top + STRIP_ROWS, picture.height)))
        if "A" in strip.getbands():
            white = Image.new("RGB", strip.size, "white")
            white.paste(strip.convert("RGB"), mask=strip.getchannel("A"))
            strip = white
        pixels[top : top + strip.height] = np.asarray(strip.convert("RGB"))
    return pixels


def _upright(path: Path) -> tuple[Image.Image, bool]:
    """The decoded picture in one of the modes L, RGB, RGBA and CMYK, and whether it was turned by a quarter."""
    with _regular_file(path) as file, _report_unreadable(path), _opened(file) as opened:
        _check_pixels(opened, path)
        decoded = _decoded(opened, file)
        stored = decoded.size
        # What a damaged note says of the way up, or a damaged profile of the colours, spoils no pixel.
        try:
            ImageOps.exif_transpose(decoded, in_place=True)
        except (SyntaxError, ValueError, OSError, TypeError, KeyError, OverflowError) as error:
            logger.warning("%s: its EXIF notes cannot be read (%s); it is taken as it lies", path, error)
    turned, profile = decoded.size != stored, decoded.info.get("icc_profile")
    return _in_srgb(_plain_mode(decoded), profile), turned


def _decoded(opened: Image.Image, file: BinaryIO) -> Image.Image:
    """The picture with its pixels. A JPEG may lack its end, as viewers let it, but none of its pixels."""
    try:
        opened.load()
    except OSError:
        if opened.format != "JPEG":
            raise
        file.seek(0)
        data, digests = file.read().removesuffix(b"\xff"), set[bytes]()
        for end in ENDS:
            opened = _opened(BytesIO(data + end))
            digests.add(sha256(_on_white(opened).data).digest())
        if len(digests) > 1:
            raise
    return opened


def _opened(file: BinaryIO) -> Image.Image:
    """The header alone is read. Pillow warns of what `_check_pixels` refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=FORMATS)


def _plain_mode(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture) // DEEP).astype(np.uint8))
    if picture.has_transparency_data:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    return picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that its profile means, as a phone's display has more of them than sRGB."""
    if not profile:
        return picture
    try:
        meant = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(meant).lower():
            return picture
        out = "RGB" if picture.mode == "CMYK" else picture.mode
        converted = ImageCms.profileToProfile(picture, meant, ImageCms.createProfile("sRGB"), outputMode=out)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return converted or picture


def _check_pixels(picture: Image.Image, path: Path) -> None:
    most = MOST_PIXELS[(picture.format or "").replace("MPO", "JPEG")]
    if picture.width * picture.height > most or max(picture.size) > LONGEST_SIDE:
        raise ValueError(
            f"{path}: is too large, {picture.width} x {picture.height} px; make it smaller than {most // 10**6} "
            f"million pixels and {LONGEST_SIDE} px a side"
        )


@contextmanager
def _regular_file(path: Path) -> Generator[BinaryIO]:
    """The open file. Opened without waiting, and looked at before a byte is read: a named pipe would never answer."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise ValueError(f"{path}: cannot be opened ({os.strerror(error.errno or 0)}); mend or remove it") from error
    kind = stat.S_IFMT(os.fstat(number).st_mode)
    if kind != stat.S_IFREG:
        os.close(number)
        raise ValueError(f"{path}: is {KINDS.get(kind, 'no file')}; give a file")
    with os.fdopen(number, "rb") as file:
        yield file


@contextmanager
def _report_unreadable(path: Path) -> Generator[None]:
    """Turn whatever a decoder raises into a ValueError that names the file: damaged bytes fail in any way there is."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: is too large ({error}); make it smaller than {LONGEST_SIDE} px a side") from error
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith(f"{path}: "):
            raise
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise ValueError(f"{path}: cannot be read as a picture{why}; give a JPEG, PNG or WebP file") from error
