"""How well near-duplicates are found, and how fast among 100,000.

    OMP_NUM_THREADS=1 python benchmarks/duplicates.py 60

Renders that many clean photos of other individuals and as many of few individuals in other coats, poses and places (no
copies of each other), and makes an exact copy and one changed copy of each of the first: recompressed, darker, moved by
two pixels, enlarged. All are segmented by the embedded PointRend and cropped as in production, and compared with the
default rules and the embedded transformer. Logs the Markdown rows, and the times for random hashes and their indices.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from time import process_time

import numpy as np
import torch
from filters import FARM, HELD_OUT, cases, clean
from numpy import ndarray
from PIL import Image

from models.data.framing import crop_animal
from models.features import VitConfig
from models.filters.duplicates import DuplicateRules, near_duplicates, phash, token_distance
from models.segmenters import PointRend, PointRendConfig
from models.truth.barnyard.scene import sample_scenes
from storage.dataset.records import SampleRow, content_key
from storage.dataset.tables import from_parquet, to_parquet

log = logging.getLogger("duplicates")
MANY, SHARD, COPIES = 100_000, 500, 0.05


def recompressed(photo: ndarray) -> ndarray:
    """As a poor JPEG."""
    buffer = BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=50)
    return np.array(Image.open(buffer))


def darker(photo: ndarray) -> ndarray:
    """By a tenth."""
    return (photo * 0.9).round().astype(np.uint8)


def moved(photo: ndarray) -> ndarray:
    """Two pixels to the right and down; the edge is repeated."""
    return np.pad(photo, np.array(((2, 0), (2, 0), (0, 0))), mode="edge")[:-2, :-2]


def enlarged(photo: ndarray) -> ndarray:
    """Without two pixels on every side, at the same size."""
    image = Image.fromarray(photo)
    return np.asarray(image.resize(image.size, Image.Resampling.BILINEAR, (2, 2, image.width - 2, image.height - 2)))


CHANGES: tuple[Callable[[ndarray], ndarray], ...] = (recompressed, darker, moved, enlarged)


@dataclass(frozen=True)
class Made:
    """A photo, and the number of what it is a copy of."""

    species: str
    photo: ndarray
    original: int | None = None
    change: str = ""


def photos(number: int) -> list[Made]:
    """Clean photos of many individuals, of few individuals, and two copies of each of the first."""
    many = [Made(species, case.photo) for species, case in cases(clean, number)]
    seeds = range(HELD_OUT + 5000, HELD_OUT + 5000 + number // len(FARM))
    few = [
        Made(species, (scene.image * 255).round().astype(np.uint8))
        for species in FARM
        for scene in sample_scenes(species, seeds, 128)
    ]
    copies: list[Made] = []
    for place, each in enumerate(many):
        change = CHANGES[place % len(CHANGES)]
        copies += [replace(each, original=place, change="exact")]
        copies += [Made(each.species, change(each.photo), place, change.__name__)]
    return many + few + copies


def quality(number: int) -> None:
    """Log a row for each kind of copy, and one for the precision of all."""
    segmenter, vit = PointRendConfig().build(torch.device("cpu")), VitConfig().build(torch.device("cpu"))
    made, rules = photos(number), DuplicateRules()
    crops = {place: crop for place, each in enumerate(made) if (crop := _crop(segmenter, each)) is not None}
    seen, pictures = list(crops), list(crops.values())
    found = near_duplicates(
        np.array([phash(each) for each in pictures], np.uint64),
        lambda one, other: token_distance(vit, pictures[one], pictures[other]) <= rules.distance,
        rules,
    )
    named = {seen[one]: seen[other] for one, other in found.items()}
    log.info("| near duplicate | scenes | precision | recall |\n|---|---|---|---|")
    copies = [place for place in seen if made[place].original in crops]
    for change in dict.fromkeys(made[place].change for place in copies):
        hits = [named.get(place) == made[place].original for place in copies if made[place].change == change]
        log.info("| %s copies | %d | | %.0f %% |", change, len(hits), 100 * np.mean(hits))
    right = [made[one].original == other for one, other in named.items()]
    log.info("| all | %d | %.0f %% of %d | |", len(seen), 100 * np.mean(right), len(right))


def _crop(segmenter: PointRend, made: Made) -> ndarray | None:
    found = segmenter.segment(made.photo[None].copy(), (made.species,))[0]
    return crop_animal(made.photo, found[0].mask, 128).image if found else None


def speed() -> None:
    """Log the processor time of comparing 100,000 random hashes, a twentieth of them copies, and of reading them."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, MANY, dtype=np.uint64)
    copies = random.choice(np.arange(1, MANY), round(MANY * COPIES), replace=False)
    hashes[copies] = hashes[copies - 1] ^ np.uint64(1)
    start = process_time()
    found = near_duplicates(hashes, lambda one, other: True, DuplicateRules())
    log.info("%d hashes compared, %d near-duplicates: %.1f s", MANY, len(found), process_time() - start)
    index = to_parquet([_row(number, int(value)) for number, value in enumerate(hashes[:SHARD])])
    start = process_time()
    for _ in range(MANY // SHARD):
        from_parquet(index, "memory", SHARD)
    told = MANY // SHARD, SHARD, len(index) >> 10, process_time() - start
    log.info("%d indices of %d rows, %d KB each, read: %.1f s", *told)


def _row(number: int, value: int) -> SampleRow:
    return SampleRow(
        key=content_key("cow", "", "", number), category="cow", prompt="a brown cow, side view, standing on grass",
        seed=number, model="weights/teacher", model_digest="0" * 64, photo_width=128, photo_height=128,
        phash=f"{value:016x}", scores={"mask": 0.9}, box=(0, 0, 90, 90),
    )  # fmt: skip


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    speed()
    quality(int(sys.argv[1]))
