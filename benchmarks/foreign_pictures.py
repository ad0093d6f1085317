"""How well a segmenter finds animals that other people drew and photographed, and how often one that is not there.

    mkdir packages && cd packages
    apt-get download tuxpaint-stamps-default fonts-noto-color-emoji ruby-gemojione openclipart-png gnome-backgrounds
    for file in *.deb; do dpkg-deb -x $file .; done; cd ..
    OMP_NUM_THREADS=1 python benchmarks/foreign_pictures.py packages development --sheet masks.png

The artwork stays in the folder of unpacked Debian packages and is not part of this project: photo stamps of Tux Paint
(GPL-2), Noto Color Emoji (OFL-1.1), EmojiOne (CC-BY-SA-4.0), Open Clip Art (public domain), GNOME's backgrounds
(CC-BY-SA-3.0, some CC-BY-2.0 or CC-BY-SA-2.0); pictures of scikit-image. Each piece is put on backgrounds that no
network of this project was taught, by numbers that depend on its place in the list alone. Pieces and backgrounds of
`development` may choose between networks; those of `exam` only judge the chosen one. `--also cow=oxen/held-out` adds
the animals of `benchmarks/foreign_animals.py`, or any photos with masks.
"""

import argparse
import io
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from models.segmenters import Instance, PointRendConfig

SIZE = 128
EMPTY = 200
"""Pictures without an animal."""
FOUND = 0.5
"""Intersection over union from which on an animal counts as found."""
COPIES = 8
"""Pictures of one piece of artwork."""
logger = logging.getLogger(__name__)
STAMPS, CLIPS = "usr/share/tuxpaint/stamps", "usr/share/openclipart/png"
NOTO = "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
FOLDERS = {
    "bovines": f"{STAMPS}/animals/mammals/bovines",
    "equines": f"{STAMPS}/animals/mammals/equines",
    "mammals": f"{STAMPS}/animals/mammals",
    "clips": f"{CLIPS}/animals/mammals",
    "emojione": "usr/share/rubygems-integration/all/gems/gemojione-3.3.0/assets/png",
}
ANIMALS = {
    "development": {
        "cow": ("bovines:cow", "bovines:bull", "noto:1F404", "noto:1F402"),
        "horse": ("equines:horse", "noto:1F40E"),
        "sheep": ("bovines:ram", "bovines:sheep", "noto:1F411"),
        "other": (
            "mammals:pig",
            "bovines:goat",
            "equines:donkey",
            "mammals:dogs/dog",
            "mammals:deer/deer",
            "noto:1F999",
        ),
    },
    "exam": {
        "cow": ("bovines:cow_white", "bovines:zebu", "noto:1F403", "emojione:1F404", "clips:bull_utrescu_"),
        "horse": ("skimage:horse", "emojione:1F40E"),
        "sheep": ("bovines:sheep_lamb", "noto:1F40F", "emojione:1F411", "clips:sheep-md-v0.1"),
        "other": (
            "equines:donkey_eating",
            "emojione:1F410",
            "emojione:1F416",
            "mammals:deer/doe",
            "mammals:dogs/dingo",
        ),
    },
}
"""Pieces of artwork, as collection:name."""
PHOTOS = {
    "development": ("brick.png", "grass.png", "coffee.png", "motorcycle_left.png", "hubble_deep_field.jpg"),
    "exam": ("gravel.png", "rocket.jpg", "moon.png", "camera.png", "ihc.png"),
}
"""Of scikit-image."""
OBJECTS = {
    "development": (f"{STAMPS}/vehicles", f"{STAMPS}/plants", f"{STAMPS}/household"),
    "exam": (f"{STAMPS}/food", f"{STAMPS}/town", f"{STAMPS}/sports", f"{CLIPS}/food"),
}


@dataclass(frozen=True)
class ForeignPicture:
    """A picture, what it shows, and where."""

    image: UInt8[ndarray, "size size 3"]
    mask: Bool[ndarray, "size size"]
    animal: str
    """`other` for one that is no farm animal of ours; empty where there is none."""
    artwork: str


def build_pictures(packages: Path, part: str) -> list[ForeignPicture]:
    """Every animal of this part on eight backgrounds, and pictures without any: backgrounds alone, and with a thing."""
    pictures = []
    for animal, artworks in ANIMALS[part].items():
        for number, artwork in enumerate(artworks):
            cutout = load_cutout(packages, artwork)
            for copy in range(COPIES * (2 if len(artworks) == 2 else 1)):
                random = np.random.default_rng((len(part), len(animal), number, copy))
                image, mask = paste_cutout(paint_background(packages, part, copy, random), cutout, random)
                pictures.append(ForeignPicture(keep_as_jpeg(image, random), mask, animal, artwork))
    things = sorted(path for folder in OBJECTS[part] for path in (packages / folder).rglob("*.png"))
    for number in range(EMPTY):
        random = np.random.default_rng((len(part), 99, number))
        image, artwork = paint_background(packages, part, number, random), "background"
        if number % 2:
            thing = things[int(random.integers(len(things)))]
            image, artwork = paste_cutout(image, trim(Image.open(thing)), random)[0], thing.stem
        nothing = np.zeros((SIZE, SIZE), bool)
        pictures.append(ForeignPicture(keep_as_jpeg(image, random), nothing, "", artwork))
    return pictures


def build_pictures_of(packages: Path, part: str, animal: str, folder: Path) -> list[ForeignPicture]:
    """Each photo of a folder that has a mask beside it, cut out and put on one background."""
    pictures = []
    for number, mask in enumerate(sorted(folder.glob("*.mask.png"))):
        photo = Image.open(mask.with_name(mask.name.replace(".mask", ""))).convert("RGB")
        photo.putalpha(Image.open(mask).convert("L"))
        random = np.random.default_rng((len(part), number, *animal.encode()))
        background = paint_background(packages, part, number, random)
        image, where = paste_cutout(background, trim(photo), random)
        pictures.append(ForeignPicture(keep_as_jpeg(image, random), where, animal, mask.stem))
    return pictures


def load_cutout(packages: Path, artwork: str) -> Image.Image:
    """A piece of artwork with its transparency, without an empty margin."""
    kind, name = artwork.split(":")
    if kind == "noto":
        font = ImageFont.truetype(str(packages / NOTO), 109)
        cutout = Image.new("RGBA", (160, 160))
        ImageDraw.Draw(cutout).text((10, 10), chr(int(name, 16)), font=font, embedded_color=True)
    elif kind == "skimage":
        dark = Image.open(_skimage(f"{name}.png")).convert("L").point(lambda value: 255 - value)
        cutout = Image.merge("RGBA", [Image.new("L", dark.size, value) for value in (60, 40, 30)] + [dark])
    else:
        cutout = Image.open(packages / FOLDERS[kind] / f"{name}.png").convert("RGBA")
    return trim(cutout)


def trim(cutout: Image.Image) -> Image.Image:
    """The picture without a transparent margin."""
    cutout = cutout.convert("RGBA")
    opaque = np.asarray(cutout.getchannel("A")) > 127
    return cutout.crop(Image.fromarray(opaque).getbbox())


def _skimage(name: str) -> Path:
    import skimage

    return Path(skimage.__file__).parent / "data" / name


def paint_background(packages: Path, part: str, number: int, random: np.random.Generator) -> Image.Image:
    """In turn plain, a gradient, a ground below a sky, and four times a piece of a photo or of a desktop background."""
    kind = number % 8
    if kind < 3:
        first, second = random.uniform(0, 255, (2, 3))
        height = np.linspace(0, 1, SIZE)[:, None, None] * np.ones((1, SIZE, 1))
        slope = height if random.random() < 0.5 else height.swapaxes(0, 1)
        mix = (0 * slope, slope, (height > random.uniform(0.4, 0.8)).astype(float))[kind]
        rough = random.normal(0, 6, (SIZE, SIZE, 1)) * (kind == 2)
        return Image.fromarray((first + (second - first) * mix + rough).clip(0, 255).astype(np.uint8))
    if kind < 6:
        path = _skimage(PHOTOS[part][int(random.integers(len(PHOTOS[part])))])
    else:
        # Halves of the light and the dark version of each: one half a part.
        paths = sorted((packages / "usr/share/backgrounds/gnome").glob("*.webp"))
        paths = paths[: len(paths) // 2] if part == "development" else paths[len(paths) // 2 :]
        path = paths[int(random.integers(len(paths)))]
    photo = Image.open(path).convert("RGB")
    photo.thumbnail((640, 640))
    side = int(random.uniform(0.4, 1) * min(photo.size))
    left, top = (int(random.uniform(0, edge - side)) for edge in photo.size)
    return photo.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def paste_cutout(
    background: Image.Image, cutout: Image.Image, random: np.random.Generator
) -> tuple[Image.Image, Bool[ndarray, "size size"]]:
    """The artwork in front of the background, wholly inside, its longer side 55 to 92 % of the picture's; its mask."""
    scale = random.uniform(0.55, 0.92) * SIZE / max(cutout.size)
    width, height = (max(1, round(edge * scale)) for edge in cutout.size)
    small = cutout.resize((width, height), Image.Resampling.LANCZOS)
    if random.random() < 0.5:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    layer = Image.new("RGBA", (SIZE, SIZE))
    layer.paste(small, (int(random.uniform(0, SIZE - width)), int(random.uniform(0, SIZE - height))))
    image = Image.alpha_composite(background.convert("RGBA"), layer).convert("RGB")
    return image, np.asarray(layer.getchannel("A")) > 127


def keep_as_jpeg(image: Image.Image, random: np.random.Generator) -> UInt8[ndarray, "size size 3"]:
    """The picture after JPEG of quality 40 to 95."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(random.integers(40, 96)))
    return np.asarray(Image.open(file).convert("RGB"))


def overlap(mask: Bool[ndarray, "*shape"], truth: Bool[ndarray, "*shape"]) -> float:
    """Intersection over union."""
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def report(pictures: list[ForeignPicture], instances: list[list[Instance]]) -> list[str]:
    """A row for each animal (the likeliest instance counts), then false alarms."""
    rows = [
        "| animal | pictures | found | mean mask IoU of the found | of all | named right |",
        "|---|---|---|---|---|---|",
    ]
    for animal in dict.fromkeys(picture.animal for picture in pictures):
        chosen = [(p, i) for p, i in zip(pictures, instances, strict=True) if p.animal == animal]
        if not animal:
            alarms = sum(bool(i) for _, i in chosen)
            rows.append(f"| none | {len(chosen)} | false alarms: {100 * alarms / len(chosen):.1f} % | | | |")
            continue
        scores = np.array([overlap(i[0].mask, p.mask) if i else 0.0 for p, i in chosen])
        named = np.mean([bool(i) and i[0].label == animal for _, i in chosen])
        found = scores >= FOUND
        of_found = scores[found].mean() if found.any() else 0.0
        cells = (
            animal,
            len(chosen),
            f"{100 * found.mean():.1f} %",
            f"{of_found:.3f}",
            f"{scores.mean():.3f}",
            f"{100 * named:.0f} %",
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return rows


def draw_sheet(pictures: list[ForeignPicture], instances: list[list[Instance]], columns: int = 16) -> Image.Image:
    """Every picture with what was found dimmed around, and the true outline in white."""
    rows = -(-len(pictures) // columns)
    sheet = np.zeros((rows * SIZE, columns * SIZE, 3), np.uint8)
    for number, (picture, some) in enumerate(zip(pictures, instances, strict=True)):
        image = picture.image.copy()
        image[~(some[0].mask if some else np.zeros_like(picture.mask))] //= 3
        inside = picture.mask.copy()
        inside[1:-1, 1:-1] &= (
            picture.mask[:-2, 1:-1] & picture.mask[2:, 1:-1] & picture.mask[1:-1, :-2] & picture.mask[1:-1, 2:]
        )
        image[picture.mask & ~inside] = 255
        top, left = number // columns * SIZE, number % columns * SIZE
        sheet[top : top + SIZE, left : left + SIZE] = image
    return Image.fromarray(sheet)


def main() -> None:
    """Measure one folder of weights on one part."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments = argparse.ArgumentParser()
    arguments.add_argument("packages", type=Path)
    arguments.add_argument("part", choices=sorted(ANIMALS))
    arguments.add_argument("--weights", default="weights/pointrend")
    arguments.add_argument("--also", action="append", default=[], metavar="ANIMAL=FOLDER", help="photos with masks")
    arguments.add_argument("--sheet", type=Path)
    asked = arguments.parse_args()
    torch.set_num_threads(1)
    segmenter = PointRendConfig(weights=asked.weights).build(torch.device("cpu"))
    pictures = build_pictures(asked.packages, asked.part)
    for animal, _, folder in (also.partition("=") for also in asked.also):
        pictures += build_pictures_of(asked.packages, asked.part, animal, Path(folder))
    instances = segmenter.segment(np.stack([picture.image for picture in pictures]), segmenter.network.labels)
    for row in report(pictures, instances):
        logger.info("%s", row)
    if asked.sheet:
        draw_sheet(pictures, instances).save(asked.sheet)


if __name__ == "__main__":
    main()
