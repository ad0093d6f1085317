"""What may lie in a folder of photos, played against the one reader of photos.

    python -m benchmarks.hostile [FOLDER]

Writes every hostile file into a folder (a temporary one if none is named) and reads each in a process of its own.
A row says what was made of it, in which time and memory. The exit status is 1 if one was neither read nor refused in
one sentence with its name, took longer than 20 s, or more than 500 MB.
"""

import logging
import os
import resource
import stat
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tasks.inference.image_io import load_image

logger = logging.getLogger(__name__)

SECONDS, MEGABYTES = 20.0, 500.0
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
Case = tuple[str, Callable[[Path], object]]
"""The name of a file, and what makes it."""


def main(folder: Path) -> int:
    """Print the table; the number of rows that are wrong."""
    wrong = 0
    logger.info("| input | outcome | s | MB |\n|---|---|---|---|")
    for number, (name, make) in enumerate(cases()):
        place = folder / f"{number:02d}"
        place.mkdir()
        make(place / name)
        outcome, seconds, megabytes = play(place / name)
        is_right = outcome.startswith(("read", "refused: ")) and seconds < SECONDS and megabytes < MEGABYTES
        wrong += not is_right
        shown = os.fsencode(name).decode(errors="backslashreplace")
        line = f"| {shown[:60]} | {outcome.replace(str(place), '')} | {seconds:.1f} | {megabytes:.0f} |"
        logger.info(line if is_right else f"{line} WRONG")
    return wrong


def play(path: Path) -> tuple[str, float, float]:
    """What reading a file ends in, in seconds and in megabytes of memory on top of what was there before."""
    ours, theirs = get_context("fork").Pipe()
    process, began = get_context("fork").Process(target=_read, args=(path, theirs)), time.monotonic()
    process.start()
    if not ours.poll(SECONDS):
        process.kill()
        return "no answer", SECONDS, 0.0
    outcome, megabytes = ours.recv()
    process.join()
    return outcome, time.monotonic() - began, megabytes


def _read(path: Path, answer: Connection) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        image, mask = load_image(path)
        outcome = f"read, {image.shape[1]} x {image.shape[0]}" + (", with a mask" if mask is not None else "")
    except ValueError as error:
        outcome = (
            f"refused: {error}" if str(path) in str(error) or str(path.parent) in str(error) else f"no name: {error}"
        )
    except Exception as error:  # noqa: BLE001 - to be shown as wrong
        outcome = f"{type(error).__name__}: {error}"
    answer.send((outcome.replace("\n", " "), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


def cases() -> Iterator[Case]:
    """Everything that was tried."""
    yield from _names()
    yield from _no_files()
    yield from _no_pictures()
    yield from _modes()
    yield from _ways_up()
    yield from _sizes()
    yield from _masks()


def _names() -> Iterator[Case]:
    for name in ("[red]x.jpg", "[link=x]a[b].jpg", "p::q.jpg", "my cow #2.jpg", "\x1b[31mred.jpg", "line\nbreak.jpg"):
        yield name, _saved()
    for name in ("$(id).jpg", "-rf.jpg", "~.jpg", "x" * 245 + ".jpg", "\u202egpj.jpg", "cow.JPG", "k\udcfchl.jpg"):
        yield name, _saved()


def _no_files() -> Iterator[Case]:
    yield "pipe.jpg", os.mkfifo
    yield "folder.jpg", Path.mkdir
    yield "socket.jpg", lambda path: os.mknod(path, stat.S_IFSOCK | 0o600)
    yield "zero.jpg", lambda path: path.symlink_to("/dev/zero")
    yield "passwd.jpg", lambda path: path.symlink_to("/etc/passwd")
    yield "nowhere.jpg", lambda path: path.symlink_to("nowhere")
    yield "circle.jpg", lambda path: path.symlink_to(path)
    yield "linked.jpg", lambda path: (_saved()(path.with_name("real.png")), path.symlink_to("real.png"))


def _no_pictures() -> Iterator[Case]:
    for name, data in {"empty.jpg": b"", "text.jpg": b"no picture", "page.jpg": b"<svg xmlns='x'/>"}.items():
        yield name, lambda path, data=data: path.write_bytes(data)
    for form in ("EPS", "GIF", "BMP", "TIFF", "AVIF", "ICO", "PPM", "DDS", "JPEG2000", "TGA", "PCX"):
        yield f"{form.lower()} called.jpg", _saved(form)
    for form in ("JPEG", "PNG", "WEBP"):
        yield f"half a {form.lower()}.jpg", _damaged(form, lambda data: data[: len(data) // 2])
        yield f"noise in a {form.lower()}.jpg", _damaged(form, lambda data: data[:60] + os.urandom(40) + data[100:])
        yield f"{form.lower()} and more.jpg", _damaged(form, lambda data: data + os.urandom(1000))


def _modes() -> Iterator[Case]:
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        yield f"{mode}.png", _saved("PNG", mode)
    yield "CMYK.jpg", _saved("JPEG", "CMYK")
    for form in ("PNG", "WEBP"):
        film: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (64, 48), "red")] * 3}
        yield f"film.{form.lower()}", _saved(form, "RGB", **film)


def _ways_up() -> Iterator[Case]:
    for orientation in (0, 3, 6, 8, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}.jpg", _saved("JPEG", exif=exif)
    yield "no notes.png", _saved("PNG", exif=b"Exif\0\0nothing")
    yield "no profile.png", _saved("PNG", icc_profile=b"nothing")


def _sizes() -> Iterator[Case]:
    for width, height in ((1, 1), (1, 256), (6_300, 6_300), (8_192, 1_000)):
        yield f"{width} x {height}.png", _flat(width, height)
    for width, height in ((9_400, 9_400), (13_000, 13_000), (20_000, 20_000), (60_000, 2), (2**31 - 1, 2**31 - 1)):
        yield f"says {width} x {height}.png", lambda path, size=(width, height): path.write_bytes(_bomb(*size))


def _masks() -> Iterator[Case]:
    for what, value, area in (
        ("empty", 0, np.s_[:]),
        ("all of it", 255, np.s_[:]),
        ("one pixel", 255, np.s_[:1, :1]),
        ("of 0 and 1", 1, np.s_[9:30, 9:30]),
        ("good", 255, np.s_[9:30, 9:30]),
    ):
        mask = np.zeros(PHOTO.shape[:2], np.uint8)
        mask[area] = value
        yield f"mask {what}.jpg", _masked(Image.fromarray(mask))
    yield "mask of another size.jpg", _masked(Image.new("L", (9, 9), 255))
    yield "mask a pipe.jpg", lambda path: (_saved()(path), os.mkfifo(path.with_suffix(".mask.png")))


def _saved(form: str = "JPEG", mode: str = "RGB", **options: object) -> Callable[[Path], object]:
    picture = Image.fromarray(PHOTO)
    return lambda path: (
        (picture.convert("L") if mode in ("LA", "I;16") else picture).convert(mode).save(path, form, **options)
    )


def _flat(width: int, height: int) -> Callable[[Path], object]:
    return lambda path: Image.new("RGB", (width, height)).save(path)


def _damaged(form: str, damage: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    whole = BytesIO()
    Image.fromarray(PHOTO).save(whole, form)
    return lambda path: path.write_bytes(damage(whole.getvalue()))


def _masked(mask: Image.Image) -> Callable[[Path], object]:
    return lambda path: (_saved()(path), mask.save(path.with_suffix(".mask.png")))


def _bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says that it has so many pixels."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("PIL").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        raise SystemExit(min(1, main(Path(sys.argv[1] if len(sys.argv) > 1 else temporary))))
