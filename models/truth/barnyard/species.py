"""How big each piece of an animal is: the average of a species, and one individual drawn around it."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

SpeciesName = Literal["cow", "horse", "sheep"]
SPECIES: tuple[SpeciesName, ...] = get_args(SpeciesName)


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
}
_ABSENT = {"horns": 0.15, "udder": 0.3}
"""How often a cow lacks them."""


def sample_build(category: str, random: np.random.Generator) -> Build:
    """One individual of the species; each proportion uniform over its range."""
    if category not in _RANGES:
        raise ValueError(f"category is {category!r}; the barnyard keeps {', '.join(SPECIES)}")
    drawn = {field.name: float(random.uniform(*_RANGES[category][field.name])) for field in fields(Build)}
    for name, share in _ABSENT.items():
        drawn[name] *= float(random.random() >= share)
    return Build(**drawn)
