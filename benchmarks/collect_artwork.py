"""The artwork that the embedded segmenter saw beside the barnyard: a folder for each species, `things`, `backdrops`.

    mkdir packages && cd packages
    apt-get download openclipart-png fonts-noto-color-emoji
    for file in *.deb; do dpkg-deb -x $file .; done
    npm pack @lobehub/fluent-emoji-3d@1.1.0 && tar xzf lobehub-*.tgz
    npm install --prefix . @iconify-json/{fluent-emoji-flat@1.2.6,twemoji@1.2.5,fxemoji@1.2.2,noto-v1@1.2.5} \
        @iconify-json/{game-icons@1.2.4,streamline-emojis@1.2.4} && cd ..
    pip install resvg-py==0.5.0
    python benchmarks/collect_artwork.py packages artwork

Open Clip Art (public domain), Noto Color Emoji (OFL-1.1; its first edition Apache-2.0), Fluent Emoji of Microsoft
(MIT), Twemoji and Streamline Emojis (CC-BY-4.0), FxEmoji (Apache-2.0), game-icons.net (CC-BY-3.0), pictures of
scikit-image (public domain). No piece of `benchmarks/foreign_pictures.py` is among the animals, nor the same character
in another edition of its set; of the things none lies in a folder that its development or exam set is drawn from.
Then `BarnyardConfig(segmenter={"artwork": "artwork"})`.
"""

import argparse
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CLIPS = "usr/share/openclipart/png"
FLUENT = "package/assets"
ICONS = "node_modules/@iconify-json"
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
DRAWINGS = {
    "fluent-emoji-flat": {
        "cow": "bison cow ox water-buffalo",
        "horse": "horse zebra",
        "sheep": "ewe ram",
        "pig": "pig",
        "goat": "goat",
        "deer": "deer",
        "dog": "dog guide-dog poodle service-dog",
        "donkey": "donkey",
        "llama": "camel giraffe llama two-hump-camel",
    },
    "twemoji": {
        "cow": "bison cow ox water-buffalo",
        "horse": "horse",
        "sheep": "ewe ram",
        "pig": "pig",
        "goat": "goat",
        "dog": "dog guide-dog poodle service-dog",
        "donkey": "donkey",
        "llama": "camel giraffe llama two-hump-camel",
    },
    "fxemoji": {
        "cow": "cow ox waterbuffalo",
        "horse": "horse",
        "sheep": "ram sheep",
        "goat": "goat",
        "dog": "dogside poodle",
        "llama": "bactriancamel dromedarycamel",
    },
    "noto-v1": {"pig": "boar pig", "goat": "goat", "dog": "poodle", "llama": "camel two-hump-camel"},
    "game-icons": {
        "cow": "bison charging-bull cow",
        "sheep": "sheep",
        "pig": "boar pig",
        "deer": "deer",
        "dog": "sitting-dog",
        "llama": "camel",
    },
    "streamline-emojis": {
        "cow": "cow ox water-buffalo",
        "horse": "horse",
        "sheep": "ewe-1 ram",
        "pig": "pig",
        "goat": "goat",
        "dog": "dog poodle",
        "llama": "camel",
    },
}
"""Whole animals of Iconify's sets of icons; giraffes count as llamas, zebras as horses."""
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


def collect_drawings(packages: Path, folder: Path) -> None:
    """Every animal that is drawn by curves."""
    for name, animals in DRAWINGS.items():
        icons = json.loads((packages / ICONS / name / "icons.json").read_text())
        for species, pieces in animals.items():
            (folder / species).mkdir(parents=True, exist_ok=True)
            for piece in pieces.split():
                draw_icon(icons, piece).save(folder / species / f"{name}-{piece}.png")


def draw_icon(icons: dict[str, Any], name: str) -> Image.Image:
    """An icon of a set, black where it has the colour of the text around it."""
    import resvg_py  # pyright: ignore[reportMissingImports] - of no other use here

    icon: dict[str, Any] = {"left": 0, "top": 0, "width": 16, "height": 16, **icons, **icons["icons"][name]}
    box = " ".join(str(icon[side]) for side in ("left", "top", "width", "height"))
    body = icon["body"].replace("currentColor", "black")
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="256" height="256">{body}</svg>'
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=drawing)))).convert("RGBA")


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
    collect_drawings(asked.packages, asked.folder)
    collect_things(asked.packages, asked.folder / "things")
    collect_backdrops(asked.packages, asked.folder / "backdrops")


if __name__ == "__main__":
    main()
