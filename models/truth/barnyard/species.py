"""How big each piece of an animal is: the average of a species, and one individual drawn around it."""

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import numpy as np

SpeciesName = Literal["cow", "horse", "sheep", "pig", "goat", "deer", "dog", "donkey", "llama"]
SPECIES: tuple[SpeciesName, ...] = get_args(SpeciesName)
FARM: tuple[SpeciesName, ...] = ("cow", "horse", "sheep")
"""What the farm learns from pictures that it drew itself."""
OTHERS: tuple[SpeciesName, ...] = tuple(name for name in SPECIES if name not in FARM)
"""What a model may be told that is to know quadrupeds, and none of the farm's."""


@dataclass(frozen=True)
class Build:
    """Proportions of one individual; 1 is the average of its species."""

    length: float
    """Torso along the body axis."""
    depth: float
    """Torso from back to belly."""
    width: float
    legs: float
    """Length of the legs."""
    bone: float
    """Thickness of the legs."""
    neck: float
    """Length of the neck."""
    neck_raise_deg: float
    """Turn of neck and head about the chest, up is positive."""
    head: float
    """Size of the head."""
    muzzle: float
    """Thickness of the muzzle."""
    ears: float
    ear_raise_deg: float
    horns: float
    """Length of the horns; 0 is polled."""
    horn_curl_deg: float
    udder: float
    """Size of the udder; 0 is none."""
    tail: float
    """Length of the tail."""
    hair: float
    """Thickness of mane, tail tuft or wool."""


_COMMON = {
    "length": (0.88, 1.14),
    "depth": (0.88, 1.12),
    "width": (0.86, 1.15),
    "legs": (0.86, 1.14),
    "bone": (0.85, 1.2),
    "neck": (0.88, 1.14),
    "neck_raise_deg": (-14.0, 12.0),
    "head": (0.9, 1.12),
    "muzzle": (0.88, 1.15),
    "ears": (0.85, 1.2),
    "ear_raise_deg": (-25.0, 15.0),
    "horns": (0.0, 0.0),
    "horn_curl_deg": (-25.0, 35.0),
    "udder": (0.0, 0.0),
    "tail": (0.85, 1.12),
    "hair": (0.8, 1.25),
}
_RANGES = {
    "cow": _COMMON
    | {
        "ears": (0.95, 1.25),
        "ear_raise_deg": (-15.0, 20.0),
        "muzzle": (0.9, 1.08),
        "horns": (0.45, 1.25),
        "udder": (0.7, 1.2),
    },
    "horse": _COMMON | {"neck_raise_deg": (-16.0, 10.0), "ear_raise_deg": (-12.0, 12.0)},
    "sheep": _COMMON | {"ear_raise_deg": (-30.0, 20.0), "legs": (0.82, 1.18)},
    "pig": _COMMON | {"ear_raise_deg": (-60.0, 20.0), "ears": (0.8, 1.4), "neck_raise_deg": (-8.0, 8.0)},
    "goat": _COMMON | {"ear_raise_deg": (-50.0, 25.0), "ears": (0.9, 1.4), "horns": (0.4, 1.2), "udder": (0.7, 1.1)},
    "deer": _COMMON | {"horns": (0.45, 1.15), "horn_curl_deg": (-15.0, 15.0), "neck_raise_deg": (-18.0, 12.0)},
    "dog": _COMMON
    | {
        "legs": (0.65, 1.15),
        "muzzle": (0.85, 1.3),
        "ears": (0.85, 1.4),
        "ear_raise_deg": (-110.0, 5.0),
        "tail": (0.7, 1.2),
    },
    "donkey": _COMMON | {"ear_raise_deg": (-25.0, 8.0), "neck_raise_deg": (-14.0, 10.0)},
    "llama": _COMMON | {"neck_raise_deg": (-16.0, 8.0), "ear_raise_deg": (-15.0, 10.0)},
}
_ABSENT = {"horns": 0.15, "udder": 0.3}
"""How often an animal of a species that has them lacks them."""
_ABSENT_OF = {"goat": {"horns": 0.15, "udder": 0.5}, "deer": {"horns": 0.4, "udder": 1.0}}
_YOUNG = 0.2
"""How often one of `OTHERS` is not yet grown up."""
_UNHEARD_OF = 0.5
"""How often one of `OTHERS` has proportions that no animal of its species has."""
_SPREAD = {
    "length": (0.72, 1.42),
    "depth": (0.78, 1.35),
    "width": (0.75, 1.5),
    "legs": (0.65, 1.4),
    "bone": (0.75, 1.5),
    "neck": (0.65, 1.5),
    "neck_raise_deg": (-28.0, 22.0),
    "head": (0.75, 1.35),
    "muzzle": (0.75, 1.35),
    "ears": (0.7, 1.6),
    "tail": (0.6, 1.4),
    "hair": (0.7, 1.4),
}
"""Factors on the proportions of such an animal, and what is added to an angle."""


def sample_build(category: str, random: np.random.Generator) -> Build:
    """One individual of the species; each proportion uniform over its range, `OTHERS` thin or fat, young or grown."""
    if category not in _RANGES:
        raise ValueError(f"category is {category!r}; the barnyard keeps {', '.join(SPECIES)}")
    proportions = {field.name: float(random.uniform(*_RANGES[category][field.name])) for field in fields(Build)}
    for name, share in _ABSENT_OF.get(category, _ABSENT).items():
        proportions[name] *= float(random.random() >= share)
    build = Build(**proportions)
    if category in OTHERS:
        build = fatten_build(build, float(random.uniform(-1, 1)))
        if random.random() < _YOUNG:
            build = rejuvenate_build(build, float(random.uniform(0.4, 1)))
        if random.random() < _UNHEARD_OF:
            build = spread_build(build, float(random.uniform(0.3, 1)), random)
    return build


def fatten_build(build: Build, fat: float) -> Build:
    """The same animal from starved (-1) to stout (1)."""
    return replace(build, width=build.width * (1 + 0.16 * fat), depth=build.depth * (1 + 0.1 * fat))


def spread_build(build: Build, share: float, random: np.random.Generator) -> Build:
    """The same animal with proportions of its own, from its species' (0) to far from any (1).

    Who learns what quadrupeds are from six species alone learns these six, and an unknown one least.
    """
    changed: dict[str, float] = {}
    for name, (low, high) in _SPREAD.items():
        value, drawn = getattr(build, name), float(random.uniform(low, high))
        changed[name] = value + share * drawn if name.endswith("_deg") else value * drawn**share
    return replace(build, **changed)


def rejuvenate_build(build: Build, youth: float) -> Build:
    """The same animal from grown up (0) to a few weeks old (1): a large head, long legs, no horns, no udder."""
    return replace(
        build,
        length=build.length * (1 - 0.1 * youth),
        legs=build.legs * (1 + 0.1 * youth),
        bone=build.bone * (1 + 0.12 * youth),
        neck=build.neck * (1 - 0.08 * youth),
        head=build.head * (1 + 0.2 * youth),
        ears=build.ears * (1 + 0.12 * youth),
        horns=0.0,
        udder=0.0,
        tail=build.tail * (1 - 0.15 * youth),
    )
