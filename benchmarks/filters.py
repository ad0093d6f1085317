"""How well the filters find what is wrong with a photo: precision and recall of every rule on photos of known faults.

    OMP_NUM_THREADS=1 python benchmarks/filters.py 60

Renders that many photos (128 px, held-out seeds, the species in turn) of each kind below, segments them with the
embedded PointRend, judges them with the default rules, and logs what became of each kind and one Markdown table. A
photo's faults are known from how it was made; whether its animal is too small, too large or too long for its crop is
known from its true mask. Precision: of the photos dropped for this reason, those that have the fault (for `doubtful`,
that have any). Recall: of the photos with the fault, those dropped for it, or for another fault that they have. Beside
it the share that is dropped for any reason, and the recall where the rules are given the true masks.
"""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from scipy.ndimage import gaussian_filter, label

from models.core.category import View
from models.filters import ImageRules, MaskRules, image_rules, mask_rules
from models.segmenters import Instance, PointRendConfig
from models.truth.barnyard.scene import (
    HELD_OUT,
    SEEDS_PER_INDIVIDUAL,
    Animal,
    Scene,
    frame_animal,
    photograph,
    sample_animal,
    sample_camera,
    sample_light,
)
from models.truth.barnyard.species import FARM

log = logging.getLogger("filters")
SIZE = 128
CUT = 0.15
"""Least share of an animal's height or width outside of the photo."""
SECOND = 1000
"""Added to the parts of a second animal."""


@dataclass(frozen=True)
class Case:
    """A photo, and what is wrong with it."""

    photo: ndarray
    faults: frozenset[str]
    masks: tuple[ndarray, ...] = ()
    """What is truly to be seen of each animal."""


Maker = Callable[[str, int, np.random.Generator], Case | None]
"""Makes a photo of a species by a seed; None if this seed does not show the fault."""


def clean(species: str, seed: int, _: np.random.Generator) -> Case:
    """One whole animal."""
    return _case(_shot(sample_animal(species, seed)))


def apart(species: str, seed: int, random: np.random.Generator) -> Case | None:
    """Two animals with backdrop between them."""
    return _two(species, seed, random, touching=False)


def touching(species: str, seed: int, random: np.random.Generator) -> Case | None:
    """Two animals, one before the other."""
    return _two(species, seed, random, touching=True)


def cropped(species: str, seed: int, random: np.random.Generator) -> Case | None:
    """An animal that the photo's edge cuts off."""
    side, over = random.integers(4), random.uniform(CUT, 0.4)
    shift = np.zeros(2)
    # The box of fill 0.6 has 0.4 of room; `frame` moves it by 0.6 of the room for a shift of 1.
    shift[side // 2] = (1 if side % 2 else -1) * (0.4 + 1.2 * over) / 0.24
    scene = _shot(sample_animal(species, seed), fill=0.6, shift=shift)
    return _case(scene, "border") if _touches(scene.mask) else None


def tiny(species: str, seed: int, random: np.random.Generator) -> Case:
    """An animal far away."""
    return _case(_shot(sample_animal(species, seed), fill=random.uniform(0.15, 0.35), shift=random.uniform(-1, 1, 2)))


def huge(species: str, seed: int, random: np.random.Generator) -> Case:
    """An animal so close that it fills the photo: a window of a larger photo, around the animal's middle."""
    scene = _shot(sample_animal(species, seed), size=round(SIZE * random.uniform(2.5, 3.5)))
    top, left = (int(np.clip(place.mean() - SIZE / 2, 0, len(scene.mask) - SIZE)) for place in np.nonzero(scene.mask))
    window = slice(top, top + SIZE), slice(left, left + SIZE)
    cut = replace(scene, image=scene.image[window], mask=scene.mask[window], part=scene.part[window])
    return _case(cut, "border")


def fence(species: str, seed: int, random: np.random.Generator) -> Case:
    """An animal behind three rails and some posts."""
    scene = _shot(sample_animal(species, seed))
    rows = np.nonzero(scene.mask.any(1))[0]
    bars = np.zeros_like(scene.mask)
    for height in np.linspace(rows[0], rows[-1], 5)[1:4]:
        middle = round(height + random.uniform(-2, 2))
        bars[middle - 2 : middle + 3] = True
    for place in range(random.integers(8, 24), SIZE, 40):
        bars[:, place : place + 5] = True
    return _case(_behind(scene, bars, random), "occluded", "fragmented")


def trunk(species: str, seed: int, random: np.random.Generator) -> Case:
    """An animal whose middle is behind a trunk."""
    scene = _shot(sample_animal(species, seed))
    middle = round(np.nonzero(scene.mask)[1].mean() + random.uniform(-6, 6))
    half = random.integers(7, 13)
    bars = np.zeros_like(scene.mask)
    bars[:, middle - half : middle + half] = True
    return _case(_behind(scene, bars, random), "occluded", "fragmented")


def long(species: str, seed: int, random: np.random.Generator) -> Case:
    """An animal seen from the side that was stretched along its body."""
    plain = sample_animal(species, seed)
    stretched = plain.vertices * np.array((1, 1, random.uniform(1.8, 2.4)), np.float32)
    return _case(_shot(replace(plain, vertices=stretched), view="side"))


def empty(species: str, seed: int, _: np.random.Generator) -> Case:
    """A place without an animal."""
    subject = sample_animal(species, seed)
    away = replace(subject, vertices=subject.vertices + np.array((0, 1e3, 0), np.float32))
    lamp, camera = sample_light(species, seed), sample_camera(subject)
    return Case(_bytes(photograph(away, camera, lamp, SIZE).image), frozenset({"no instance"}))


def blank(species: str, seed: int, random: np.random.Generator) -> Case:
    """One colour with a camera's noise; every fourth is black, as a safety checker answers."""
    colour = random.uniform(0.1, 0.9, 3) if seed % 4 else np.zeros(3)
    noisy = colour + random.normal(0, 0.008 if seed % 4 else 0, (SIZE, SIZE, 3))
    return Case(_bytes(noisy), frozenset({"blank"} if seed % 4 else {"blank", "too dark"}))


def dark(species: str, seed: int, random: np.random.Generator) -> Case:
    """Night."""
    return _changed(species, seed, lambda image: image * random.uniform(0.03, 0.1), "too dark")


def bright(species: str, seed: int, _: np.random.Generator) -> Case:
    """Exposed for so long that nine tenths of the animal are white."""
    scene = _shot(sample_animal(species, seed))
    gain = 1 / max(np.quantile(scene.image.mean(-1)[scene.mask], 0.1), 1 / 255)
    return Case(_bytes(scene.image * gain), frozenset({"too bright"}), (scene.mask,))


def fog(species: str, seed: int, random: np.random.Generator) -> Case:
    """A veil."""
    veil = random.uniform(0.85, 0.95)
    return _changed(species, seed, lambda image: image * (1 - veil) + 0.75 * veil, "low contrast")


def blur(species: str, seed: int, random: np.random.Generator) -> Case:
    """Out of focus."""
    width = random.uniform(3, 6)
    return _changed(species, seed, lambda image: gaussian_filter(image, (width, width, 0)), "blurred")


KINDS: tuple[Maker, ...] = (
    clean, apart, touching, cropped, tiny, huge, fence, trunk, long, empty, blank, dark, bright, fog, blur,
)  # fmt: skip
KEPT = "(kept)"


def _shot(
    subject: Animal,
    view: View | None = None,
    fill: float | None = None,
    shift: ndarray | None = None,
    size: int = SIZE,
) -> Scene:
    """The photo of an animal, from the direction of its seed."""
    camera = sample_camera(subject, view)
    if fill is not None and shift is not None:
        camera = frame_animal(subject.vertices, float(camera.azimuth[0]), float(camera.elevation[0]), fill, shift)
    return photograph(subject, camera, sample_light(subject.category, subject.seed), size)


def _two(species: str, seed: int, random: np.random.Generator, touching: bool) -> Case | None:
    """Two animals side by side as the camera sees them, the second turned by chance; None if it is hardly seen."""
    first, second = sample_animal(species, seed), sample_animal(species, seed + SEEDS_PER_INDIVIDUAL)
    camera = sample_camera(first)
    rotation = camera.T_camera_world[0, :3, :3].numpy()
    turn = random.uniform(-np.pi, np.pi)
    cosine, sine = np.cos(turn), np.sin(turn)
    turned = second.vertices @ np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]], np.float32)
    (left, right), (start, end) = (((each @ rotation.T)[:, 0].min(), (each @ rotation.T)[:, 0].max())
                                   for each in (first.vertices, turned))  # fmt: skip
    step = (right - start) - 0.45 * (end - start) if touching else (right - start) + 0.12 * (right - left)
    towards = rotation[2] * (1, 0, 1) * random.uniform(0.2, 0.6) if touching else np.zeros(3)
    placed = turned + np.float32(step * rotation[0] + towards - (0, turned[:, 1].min() - first.ground, 0))
    scene = _shot(_joined(first, second, placed), fill=0.9, shift=random.uniform(-1, 1, 2))
    areas = [(scene.mask & ((scene.part >= SECOND) == other)).sum() for other in (False, True)]
    pieces: Any = label(scene.mask)
    together = pieces[1] == 1
    seen = min(areas) >= MaskRules().other_area * max(areas)
    return _case(scene, "multiple animals") if seen and together == touching else None


def _joined(first: Animal, second: Animal, placed: ndarray) -> Animal:
    """Both as one mesh; the parts of the second are numbered from `SECOND` on."""
    body = replace(
        first.body,
        faces=np.concatenate((first.body.faces, second.body.faces + len(first.vertices))),
        part=np.concatenate((first.body.part, second.body.part + SECOND)),
    )
    return replace(
        first,
        body=body,
        vertices=np.concatenate((first.vertices, placed)),
        albedo=np.concatenate((first.albedo, second.albedo)),
    )


def _behind(scene: Scene, bars: ndarray, random: np.random.Generator) -> Scene:
    """The scene behind wood."""
    wood = np.array((0.42, 0.30, 0.20)) * random.uniform(0.7, 1.5) + random.normal(0, 0.02, (SIZE, SIZE, 1))
    return replace(
        scene, image=np.where(bars[..., None], wood, scene.image).astype(np.float32), mask=scene.mask & ~bars
    )


def _changed(species: str, seed: int, change: Callable[[ndarray], ndarray], fault: str) -> Case:
    scene = _shot(sample_animal(species, seed))
    return Case(_bytes(change(scene.image)), frozenset({fault}), (scene.mask,))


def _case(scene: Scene, *faults: str) -> Case:
    """The scene with these faults, and those that its true mask has."""
    rules = MaskRules()
    measured = (mask_rules.size(scene.mask, rules), mask_rules.truncation(scene.mask, rules))
    second = scene.part >= SECOND
    masks = (scene.mask & ~second, scene.mask & second) if second.any() else (scene.mask,)
    return Case(_bytes(scene.image), frozenset((*faults, *(each for each in measured if each))), masks)


def _touches(mask: ndarray) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _bytes(image: ndarray) -> ndarray:
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def cases(make: Maker, number: int) -> Iterator[tuple[str, Case]]:
    """So many photos of a kind with their species; each is another individual."""
    made = 0
    for turn in count():
        species, seed = (
            FARM[turn % len(FARM)],
            HELD_OUT + turn // len(FARM) * SEEDS_PER_INDIVIDUAL + turn % SEEDS_PER_INDIVIDUAL,
        )
        case = make(species, seed, np.random.default_rng((seed, turn)))
        if case is not None:
            yield species, case
            made += 1
        if made == number:
            return


@dataclass(frozen=True)
class Judged:
    """A photo, what was said of it, and what would be said with its true masks."""

    case: Case
    said: str
    told: str

    def has(self, reason: str) -> bool:
        """Whether this is wrong with it."""
        if reason == "doubtful":
            return bool(self.case.faults)
        return reason in self.case.faults or (reason == KEPT and not self.case.faults)

    def right(self, answer: str) -> bool:
        """Whether the answer is true of it."""
        return answer != "doubtful" and self.has(answer)


def table(judged: list[Judged], reasons: list[str]) -> list[str]:
    """A row for every reason, and one for the photos that are kept."""
    lines = [
        "| rule | scenes | precision | recall | dropped | recall, true masks | named instead |",
        "|---|---|---|---|---|---|---|",
    ]
    for reason in reasons:
        named = [each for each in judged if each.said == reason]
        having = [each for each in judged if each.has(reason)] if reason != "doubtful" else []
        wrong = Counter(each.said for each in having if not each.right(each.said)).most_common(4)
        cells = (
            reason,
            len(having),
            _share([each.has(reason) for each in named]),
            _share([each.right(each.said) for each in having]),
            _share([each.said != KEPT for each in having]),
            _share([each.right(each.told) for each in having]),
            ", ".join(f"{said} {times}" for said, times in wrong),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _share(hits: list[bool]) -> str:
    return f"{100 * sum(hits) / len(hits):.0f} % of {len(hits)}" if hits else "none"


def _answer(photo: ndarray, found: list[Instance]) -> str:
    return image_rules.verdict(photo, ImageRules()) or mask_rules.verdict(found, MaskRules()) or KEPT


def main(number: int) -> None:
    """Log what became of each kind, and the table."""
    segmenter, judged = PointRendConfig().build(torch.device("cpu")), []
    for make in KINDS:
        of_kind = []
        for species, case in cases(make, number):
            found = segmenter.segment(case.photo[None], (species,))[0]
            true = [Instance(mask, 1.0, species) for mask in sorted(case.masks, key=lambda mask: -mask.sum())]
            of_kind.append(Judged(case, _answer(case.photo, found), _answer(case.photo, true)))
        told = ", ".join(f"{said} {times}" for said, times in Counter(each.said for each in of_kind).most_common())
        log.info("%s: %s", make.__name__, told)
        judged += of_kind
    reasons = sorted({*(fault for each in judged for fault in each.case.faults), *(each.said for each in judged)})
    log.info("\n%s", "\n".join(table(judged, reasons)))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    main(int(sys.argv[1]))
