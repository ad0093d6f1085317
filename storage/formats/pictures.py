"""Pictures and films as file bytes."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import ceil

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

CAPTION_PX, COLUMNS = 16, 8
GIF_FPS = 50
UNIT_MS = {"GIF": 10, "WEBP": 1}
"""In what a format counts the time of a frame, in milliseconds."""


def png(image: UInt8[np.ndarray, "height width *channels"]) -> bytes:
    """A grey or RGB picture without loss."""
    return _encode(image, "PNG", optimize=True)


def jpeg(image: UInt8[np.ndarray, "height width 3"], quality: int = 90) -> bytes:
    """A picture, small."""
    return _encode(image, "JPEG", quality=quality)


def gif(frames: UInt8[np.ndarray, "frames height width 3"], fps: float) -> bytes:
    """An endless film that opens everywhere; one palette for all, so nothing flickers.

    Of more than fifty frames a second only some are kept, evenly: players show shorter ones for a tenth of a second.
    """
    step = ceil(fps / GIF_FPS)
    frames, fps = frames[::step], fps / step
    first = Image.fromarray(np.concatenate(list(frames[:: max(1, len(frames) // 8)]), 1))
    palette = first.quantize(256, dither=Image.Dither.NONE)
    reduced = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    return _encode_film(reduced, "GIF", fps, disposal=2)


def webp(frames: UInt8[np.ndarray, "frames height width 3"], fps: float) -> bytes:
    """An endless film: smaller and in full colour."""
    return _encode_film([Image.fromarray(frame) for frame in frames], "WEBP", fps, quality=80, method=4)


def contact_sheet(
    pictures: Sequence[UInt8[np.ndarray, "height width 3"]], captions: Sequence[str]
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Pictures of one size, at least one, in rows on white, each over its caption."""
    columns = min(COLUMNS, len(pictures))
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + 4 + CAPTION_PX)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = index % columns * (width + 4) + 2, index // columns * (height + 4 + CAPTION_PX) + 2
        sheet.paste(Image.fromarray(picture), (left, top))
        draw.text((left, top + height + 1), _fit_text(caption, width, font), "black", font)
    return np.asarray(sheet)


def labelled_rows(
    rows: Mapping[str, UInt8[np.ndarray, "height width 3"]], columns: Sequence[str]
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Pictures of one height below each other, each after its name, and names over the columns that they consist of."""
    font = ImageFont.load_default(11)
    left = 8 + round(max(font.getlength(name) for name in rows))
    height, width = next(iter(rows.values())).shape[0], max(row.shape[1] for row in rows.values())
    sheet = Image.new("RGB", (left + width, CAPTION_PX + len(rows) * (height + 2)), "white")
    draw, column_width = ImageDraw.Draw(sheet), width // len(columns)
    for index, column in enumerate(columns):
        draw.text((left + index * column_width, 1), _fit_text(column, column_width, font), "black", font)
    for index, (name, row) in enumerate(rows.items()):
        top = CAPTION_PX + index * (height + 2)
        draw.text((2, top + height // 2 - 6), name, "black", font)
        sheet.paste(Image.fromarray(row), (left, top))
    return np.asarray(sheet)


def _fit_text(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    while text and font.getlength(text) > width:
        text = text[:-1]
    return text


def _encode(image: UInt8[np.ndarray, "height width *channels"], form: str, **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, form, **options)
    return stream.getvalue()


def _encode_film(frames: Sequence[Image.Image], form: str, fps: float, **options: object) -> bytes:
    stream, unit = BytesIO(), UNIT_MS[form]
    # As long together as they should be: each alone is a whole number of the format's units.
    ends = [round((number + 1) * 1000 / fps / unit) * unit for number in range(len(frames))]
    durations = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    frames[0].save(stream, form, save_all=True, append_images=list(frames[1:]), duration=durations, loop=0, **options)
    return stream.getvalue()
