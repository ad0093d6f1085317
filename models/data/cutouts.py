"""Cut-outs, pictures with transparency: artwork of other people, and things drawn from random numbers.

A network that only ever saw animals takes everything that stands before a plain ground for one, so it is also shown
things. Each cut-out comes with the slopes of its inflated silhouette (as Lumo, Johnston 2002), by which a flat drawing
is shaded like a solid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FILL = 0.92
"""Longer side of a cut-out over the edge of its picture."""
FLAT = 128
"""The number that stands for no slope."""
_CANVAS = 256
_BLURS = (1.5, 3.0, 6.0, 12.0)


@dataclass(frozen=True)
class Cutouts:
    """Pictures with transparency, and what they show."""

    image: UInt8[ndarray, "count size size 4"]
    """RGB and opacity; just outside the silhouette the colours go on."""
    slope: UInt8[ndarray, "count size size 2"]
    """Image-plane part of the inflated silhouette's normals; `FLAT` is 0."""
    label: Int[ndarray, " count"]
    """Index into the animals plus one; 0 for things."""

    def __len__(self) -> int:
        """How many."""
        return len(self.image)


def load_cutouts(folders: Sequence[tuple[Path, int]], size: int) -> Cutouts:
    """The pictures of folders at `size`, each with its label; tiny and nearly empty ones are left out."""
    files = [(path, label) for folder, label in folders for path in sorted(folder.glob("*.*"))]
    return _stack([(fit_cutout(Image.open(path), size), label) for path, label in files], size)


def draw_things(count: int, size: int, random: np.random.Generator) -> Cutouts:
    """Blobs with limbs, turned things and letters."""
    painters: tuple[Callable[[np.random.Generator], Image.Image], ...] = (draw_blob, draw_vase, draw_letters)
    kinds = random.choice(len(painters), count, p=(0.64, 0.25, 0.11))
    return _stack([(fit_cutout(painters[kind](random), size), 0) for kind in kinds], size)


def join_cutouts(parts: Sequence[Cutouts]) -> Cutouts:
    """All of them, one after the other."""
    return Cutouts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS})


def scatter(
    things: Cutouts, backdrops: UInt8[ndarray, "count edge edge 3"], number: int, random: np.random.Generator
) -> UInt8[ndarray, "{number} edge edge 3"]:
    """Backdrops full of things, five to twenty-five in each, large and small, in other tones."""
    pictures = np.zeros((number, *backdrops.shape[1:]), np.uint8)
    edge = backdrops.shape[1]
    for index in range(number):
        image = Image.fromarray(backdrops[random.integers(len(backdrops))])
        low, high = (0.7, 2.2) if random.random() < 0.25 else (0.12, 0.8)
        for _ in range(random.integers(5, 26)):
            values = things.image[random.integers(len(things))].astype(np.float32)
            if random.random() < 0.6:
                tones = (values[..., :3] - 128) * random.uniform(0.3, 1.1) + random.uniform(60, 170)
                values[..., :3] = tones * random.uniform(0.6, 1.2, 3)
            broad = int(edge * random.uniform(low, high))
            shape = broad, max(6, int(broad * random.uniform(0.6, 1.5)))
            thing = Image.fromarray(values.clip(0, 255).astype(np.uint8)).resize(shape, Image.Resampling.BILINEAR)
            thing = thing.rotate(random.uniform(0, 360), expand=True)
            left, top = (int(value) for value in random.uniform(-broad / 2, edge - broad / 2, 2))
            image.paste(thing, (left, top), thing)
        pictures[index] = np.asarray(image)
    return pictures


_FIELDS = tuple(Cutouts.__dataclass_fields__)


def _stack(fitted: Sequence[tuple[UInt8[ndarray, "size size 6"] | None, int]], size: int) -> Cutouts:
    kept = [(values, label) for values, label in fitted if values is not None]
    values = np.stack([values for values, _ in kept]) if kept else np.zeros((0, size, size, 6), np.uint8)
    return Cutouts(values[..., :4], values[..., 4:], np.array([label for _, label in kept], np.int64))


def fit_cutout(picture: Image.Image, size: int) -> UInt8[ndarray, "{size} {size} 6"] | None:
    """RGBA and slopes of the picture's opaque part, enlarged to `FILL`; nothing where too little of it is opaque."""
    picture = picture.convert("RGBA")
    box = Image.fromarray(np.asarray(picture.getchannel("A")) > 127).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 12:
        return None
    picture = picture.crop(box)
    scale = FILL * size / max(picture.size)
    width, height = (max(1, round(edge * scale)) for edge in picture.size)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    layer = Image.new("RGBA", (size, size))
    layer.paste(picture, ((size - width) // 2, (size - height) // 2))
    values = np.asarray(layer).copy()
    opacity = values[..., 3:] / np.float32(255)
    if opacity.mean() < 0.03:
        return None
    spread = np.concatenate((values[..., :3] * opacity, values[..., 3:]), -1).astype(np.uint8)
    spread = np.stack([_blur(spread[..., channel], 2.0) for channel in range(4)], -1)
    outside = (255 * spread[..., :3] / np.maximum(spread[..., 3:], 4)).clip(0, 255)
    values[..., :3] = np.where(opacity > 0.5, values[..., :3], outside)
    return np.concatenate((values, inflate(values[..., 3])), -1)


def inflate(opacity: UInt8[ndarray, "size size"]) -> UInt8[ndarray, "size size 2"]:
    """Slopes of a surface that rises from the outline inwards, steepest there."""
    inside = opacity > 127
    height = sum(radius * np.sqrt(_blur(opacity, radius) / 255 * inside) for radius in _BLURS)
    height = np.asarray(height, np.float32)
    middle = height[:-2, 1:-1] + height[2:, 1:-1] + height[1:-1, :-2] + height[1:-1, 2:]
    height[1:-1, 1:-1] = (2 * height[1:-1, 1:-1] + middle) / 6
    down, across = np.gradient(height)
    slope = -1.3 * np.stack((across, down), -1)
    slope /= np.sqrt(1 + (slope**2).sum(-1, keepdims=True))
    return (slope * 127 + FLAT).clip(0, 255).astype(np.uint8)


def _blur(channel: UInt8[ndarray, "size size"], radius: float) -> Float[ndarray, "size size"]:
    picture = Image.fromarray(np.ascontiguousarray(channel)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(picture).astype(np.float32)


def _colour(random: np.random.Generator) -> tuple[int, ...]:
    return (*(int(value) for value in random.integers(0, 256, 3)), 255)


def draw_blob(random: np.random.Generator) -> Image.Image:
    """Ellipses, boxes, polygons and strokes that touch, in up to three colours."""
    picture = Image.new("RGBA", (_CANVAS, _CANVAS))
    draw = ImageDraw.Draw(picture)
    colours = [_colour(random) for _ in range(random.integers(1, 4))]
    x, y = random.uniform(90, 166, 2)
    for _ in range(random.integers(2, 9)):
        colour, kind = colours[random.integers(len(colours))], random.integers(5)
        broad, high = random.uniform(8, 110, 2)
        box = (x - broad / 2, y - high / 2, x + broad / 2, y + high / 2)
        if kind > 2:
            turn = random.uniform(0, 2 * np.pi)
            end = x + 1.2 * broad * np.cos(turn), y + 1.2 * broad * np.sin(turn)
            draw.line((x, y, *end), fill=colour, width=int(random.uniform(3, 26)))
            x, y = end if random.random() < 0.5 else (x, y)
            continue
        if kind == 0:
            draw.ellipse(box, fill=colour)
        elif kind == 1:
            draw.rounded_rectangle(box, radius=random.uniform(0, min(broad, high) / 2), fill=colour)
        else:
            turns = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 8)))
            draw.polygon([(x + 0.7 * broad * np.cos(t), y + 0.7 * high * np.sin(t)) for t in turns], fill=colour)
        x, y = (
            (x + random.uniform(-broad, broad) / 2).clip(30, 226),
            (y + random.uniform(-high, high) / 2).clip(30, 226),
        )
    return picture.rotate(random.uniform(-30, 30))


def draw_vase(random: np.random.Generator) -> Image.Image:
    """A turned thing, as a bottle, a lamp or a cup, standing, lying or tilted."""
    picture = Image.new("RGBA", (_CANVAS, _CANVAS))
    draw, middle = ImageDraw.Draw(picture), _CANVAS / 2
    knots = np.sort(random.uniform(20, 236, random.integers(3, 8)))
    level = np.linspace(knots[0], knots[-1], 120)
    radius = np.interp(level, knots, random.uniform(8, 90, len(knots)))
    if random.random() < 0.6:
        window = int(random.uniform(5, 30))
        radius = np.convolve(np.pad(radius, window, mode="edge"), np.full(window, 1 / window), "same")[window:-window]
    colours, cuts = [_colour(random) for _ in range(3)], random.integers(0, 120, 2)
    for row in range(119):
        corners = [
            (middle + side * radius[at], level[at]) for at, side in ((row, -1), (row, 1), (row + 1, 1), (row + 1, -1))
        ]
        draw.polygon(corners, fill=colours[int((row > cuts).sum())])
    for at, colour in ((0, colours[0]), (-1, colours[2])):
        flat = 0.25 * radius[at]
        draw.ellipse((middle - radius[at], level[at] - flat, middle + radius[at], level[at] + flat), fill=colour)
    if random.random() < 0.4:
        left = middle + radius[60] - 30
        draw.arc((left, 70, left + 90, 170), -90, 90, fill=colours[0], width=int(random.uniform(6, 20)))
    return picture.rotate(random.choice((0, 0, 90, random.uniform(-40, 40))))


def draw_letters(random: np.random.Generator) -> Image.Image:
    """One to four letters, digits or signs."""
    picture = Image.new("RGBA", (2 * _CANVAS, _CANVAS))
    text = "".join(chr(code) for code in random.integers(33, 126, random.integers(1, 5)))
    font = ImageFont.load_default(random.uniform(40, 150))
    ImageDraw.Draw(picture).text((20, 10), text, font=font, fill=_colour(random))
    return picture
