"""The artwork that the embedded segmenter saw beside the barnyard: a folder for each species, `things`, `backdrops`.

    mkdir packages && cd packages
    apt-get download openclipart-png fonts-noto-color-emoji
    for file in *.deb; do dpkg-deb -x $file .; done
    npm pack @lobehub/fluent-emoji-3d@1.1.0 && tar xzf lobehub-*.tgz && cd ..
    python benchmarks/collect_artwork.py packages artwork

Open Clip Art (public domain), Noto Color Emoji (OFL-1.1), Fluent Emoji of Microsoft (MIT), pictures of scikit-image
(public domain). No piece of `benchmarks/foreign_pictures.py` is among the animals, and of the things none lies in a
folder that its development or exam set is drawn from. Then `BarnyardConfig(segmenter={"artwork": "artwork"})`.
"""

import argparse
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CLIPS = "usr/share/openclipart/png"
FLUENT = "package/assets"
NOTO = "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
ANIMALS = {
    "cow": ("vacca_pezzata_rossa_val_01", "1f402", "1f403", "1f404", "1f9ac", "U+1F9AC"),
    "horse": (
        "horses/cavallo_architetto_franc_01",
        "horses/cavallo_architetto_franc_02",
        "horses/cavallo_architetto_franc_05",
        "horses/cavallo_architetto_franc_06",
        "1f40e",
        "1f993",
    ),
    "sheep": ("1f40f", "1f411"),
    "pig": ("pig_marcelo_caiafa1", "1f416", "U+1F416"),
    "goat": ("1f410", "U+1F410"),
    "deer": ("antilope_architetto_fran_01", "deer_matt_todd_01", "fawn_mo_01", "1f98c", "U+1F98C"),
    "dog": (
        "contour_fox",
        "dog_01_drawn_with_strai_01",
        "dog_03_drawn_with_strai_01",
        "dog_04_drawn_with_strai_01",
        "dog_05_drawn_with_strai_02",
        "dog_06_drawn_with_strai_01",
        "dogs/beagle_copper_ganson",
        "1f415",
        "1f9ae",
        "1f429",
        "U+1F415",
        "U+1F429",
        "U+1F9AE",
    ),
    "donkey": ("1facf",),
    "llama": ("1f999", "contour_camel", "1f42a", "1f42b", "U+1F42A"),
}
"""Files of Open Clip Art, of Fluent Emoji, and characters of Noto Emoji; camels count as llamas, bisons as cows."""
THINGS = {
    "tools": 99, "tools/weapons": 36, "computer": 70, "computer/hardware": 56, "computer/icons": 60, "office": 120,
    "office/telephone": 16, "transportation": 79, "transportation/vehicles": 55, "transportation/boating": 35,
    "recreation/music": 77, "recreation/sports": 40, "recreation/toys": 30, "recreation/party": 40,
    "recreation/games/chess": 14, "people": 150, "people/clothing": 26, "people/clothing/hats": 15,
    "people/bodypart": 30, "people/stickmen": 25, "buildings": 22, "buildings/homes": 38, "plants": 40,
    "plants/flowers": 34, "plants/trees": 14, "containers": 16, "electronics": 27, "education": 33,
    "decorations": 26, "shapes": 40, "signs_and_symbols": 80, "signs_and_symbols/map_symbols": 40,
    "animals/birds": 40, "animals/fish": 20, "animals/bugs": 40, "geography": 30,
}  # fmt: skip
"""Folders of Open Clip Art, and how many pictures of each."""
NO_THING = re.compile(
    "horse|cow|bull|dog|sheep|goat|pig|deer|animal|cavall|lamb|donkey|unicorn|rider|jockey|knight|cavalier",
    re.IGNORECASE,
)
BACKDROPS = (
    "astronaut.png",
    "cell.png",
    "clock_motion.png",
    "coins.png",
    "page.png",
    "text.png",
    "retina.jpg",
    "microaneurysms.png",
)
"""Of scikit-image; `foreign_pictures.PHOTOS` are others."""


def collect_animals(packages: Path, folder: Path) -> None:
    """Every animal, in the folder of its species."""
    for species, pieces in ANIMALS.items():
        (folder / species).mkdir(parents=True, exist_ok=True)
        for piece in pieces:
            if piece.startswith("U+"):
                picture = draw_character(packages, int(piece[2:], 16))
            elif (packages / FLUENT / f"{piece}.webp").exists():
                picture = Image.open(packages / FLUENT / f"{piece}.webp")
            else:
                picture = Image.open(packages / CLIPS / "animals/mammals" / f"{piece}.png")
            picture.convert("RGBA").save(folder / species / f"{piece.replace('/', '-')}.png")


def draw_character(packages: Path, code: int) -> Image.Image:
    """An emoji of Noto."""
    picture = Image.new("RGBA", (160, 160))
    font = ImageFont.truetype(str(packages / NOTO), 109)
    ImageDraw.Draw(picture).text((10, 10), chr(code), font=font, embedded_color=True)
    return picture


def collect_things(packages: Path, folder: Path) -> None:
    """What is no animal of ours: emoji without skin colours and quadrupeds, and clip art."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((packages / FLUENT).glob("*.webp")):
        codes = [int(code, 16) for code in path.stem.split("-")]
        if len(codes) <= 2 and not any(0x1F3FB <= code <= 0x1F3FF for code in codes) and is_thing(codes[0]):
            Image.open(path).convert("RGBA").save(folder / f"fluent-{path.stem}.png")
    random = np.random.default_rng(5)
    for name, count in THINGS.items():
        paths = [path for path in sorted((packages / CLIPS / name).glob("*.png")) if not NO_THING.search(path.name)]
        for index in random.permutation(len(paths))[:count]:
            picture = Image.open(paths[index])
            transparent = picture.mode == "P" or "A" in picture.mode
            if transparent and picture.width * picture.height <= 4_000_000:
                picture = picture.convert("RGBA")
                picture.thumbnail((256, 256))
                picture.save(folder / f"clip-{name.replace('/', '-')}-{paths[index].name}")


def is_thing(code: int) -> bool:
    """Whether an emoji is no mammal."""
    mammals = (range(0x1F400, 0x1F440), range(0x1F980, 0x1F9B0))
    others = (0x1FACE, 0x1FACF, 0x1FABF, 0x1F3C7, 0x1F3A0, 0x1F984)
    return code not in others and not any(code in block for block in mammals)


def collect_backdrops(packages: Path, folder: Path) -> None:
    """Photos, and patterns on white."""
    import skimage

    folder.mkdir(parents=True, exist_ok=True)
    for name in BACKDROPS:
        Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB").save(folder / f"{name[:-4]}.png")
    for path in sorted((packages / CLIPS / "special/patterns").glob("*.png"))[:90]:
        picture = Image.open(path).convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        Image.alpha_composite(white, picture).convert("RGB").save(folder / path.name)


def main() -> None:
    """Collect everything."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("packages", type=Path)
    arguments.add_argument("folder", type=Path)
    asked = arguments.parse_args()
    Image.MAX_IMAGE_PIXELS = None  # only the head of the largest is read
    collect_animals(asked.packages, asked.folder)
    collect_things(asked.packages, asked.folder / "things")
    collect_backdrops(asked.packages, asked.folder / "backdrops")


if __name__ == "__main__":
    main()
