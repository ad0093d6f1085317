"""Ground, sky and hills seen by a camera, with the animal's shadow; textures lie in the world: true perspective."""

from dataclasses import dataclass
from math import tan

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.ndimage import gaussian_filter, map_coordinates

from models.truth.barnyard.noise import fractal

PLACES = ("grass", "sand", "snow")
_GROUND = {"grass": (0.34, 0.47, 0.18), "sand": (0.80, 0.68, 0.47), "snow": (0.86, 0.89, 0.94)}
_HILLS = {"grass": (0.20, 0.32, 0.16), "sand": (0.62, 0.50, 0.36), "snow": (0.45, 0.52, 0.56)}
_ROUGHNESS = {"grass": 0.12, "sand": 0.07, "snow": 0.045}
"""Contrast of the texture."""
_SKIES = (
    ((0.36, 0.58, 0.88), (0.80, 0.89, 0.97)),
    ((0.66, 0.69, 0.73), (0.85, 0.86, 0.87)),
    ((0.45, 0.52, 0.75), (0.97, 0.80, 0.62)),
)
"""Colour overhead and at the horizon: clear, overcast, evening."""
SHADOW_REACH, SHADOW_CELLS = 6.0, 128
_TEXTURES = 8


@dataclass(frozen=True)
class Backdrop:
    """One place: everything but the animal."""

    place: str
    height: float
    """Of the ground, in the object frame."""
    ground: Float[ndarray, " 3"]
    hills: Float[ndarray, " 3"]
    hill_height: float
    """Radians above the horizon; 0 or less is open country."""
    sky: Float[ndarray, "2 3"]
    texture: int
    shift: Float[ndarray, " 2"]
    shadow: Float[ndarray, "cells cells"]
    """Darkness in [0, 1] of the ground within `SHADOW_REACH` of the origin; rows are x, columns z."""


def sample_backdrop(
    place: str, height: float, shadow: Float[ndarray, "cells cells"], random: np.random.Generator
) -> Backdrop:
    """A place of this kind in some weather."""
    tint = random.uniform(0.82, 1.15) * random.uniform(0.93, 1.07, 3)
    if place == "grass" and random.random() < 0.25:
        tint = tint * (1.45, 1.05, 1.1)
    return Backdrop(
        place=place,
        height=height,
        ground=np.minimum(np.array(_GROUND[place]) * (tint if place != "snow" else tint**0.4), 1),
        hills=np.array(_HILLS[place]) * random.uniform(0.75, 1.3),
        hill_height=random.uniform(-0.06, 0.12),
        sky=np.array(_SKIES[random.integers(len(_SKIES))]) * random.uniform(0.92, 1.05),
        texture=int(random.integers(_TEXTURES)),
        shift=random.uniform(0, 64, 2),
        shadow=shadow,
    )


def cast_shadow(
    vertices: Float[ndarray, "vertices 3"], height: float, towards_light: Float[ndarray, " 3"]
) -> Float[ndarray, "cells cells"]:
    """Darkness of the ground under an animal: hard below the sun, blended with the softer one of the open sky."""
    rise = vertices[:, 1] - height
    layers = []
    for direction, softness, low in (
        (towards_light, 1.0, np.inf),
        (np.array((0.0, 1.0, 0.0)), 3.0, np.inf),
        (np.array((0.0, 1.0, 0.0)), 1.2, 0.35),
    ):
        near = rise < low
        slope = direction[[0, 2]] / max(direction[1], 0.35)
        spot = vertices[near][:, [0, 2]] - rise[near, None] * slope
        cell = ((spot / SHADOW_REACH + 1) * SHADOW_CELLS / 2).astype(int)
        cell = cell[((cell >= 0) & (cell < SHADOW_CELLS)).all(-1)]
        hit = np.zeros((SHADOW_CELLS, SHADOW_CELLS), np.float32)
        hit[cell[:, 0], cell[:, 1]] = 1
        layers.append(np.clip(1.3 * gaussian_filter(hit, softness), 0, 1))
    sun, sky, contact = layers
    return 1 - (1 - 0.40 * sun) * (1 - 0.25 * sky) * (1 - 0.45 * contact)


def _lookup(picture: ndarray, u: ndarray, v: ndarray) -> ndarray:
    """Nearest cell of a tileable picture; u, v in cells."""
    size = len(picture)
    return picture[u.astype(int) % size, v.astype(int) % size]


def paint(
    backdrop: Backdrop, rotation: Float[ndarray, "3 3"], position: Float[ndarray, " 3"], fov: float, size: int
) -> Float[ndarray, "size size 3"]:
    """What a camera sees of the place; `rotation` takes world to camera."""
    ndc = (((2 * np.arange(size) + 1) / size - 1) * tan(fov / 2)).astype(np.float32)
    x, y = np.meshgrid(ndc, -ndc)
    ray = np.stack((x, y, -np.ones_like(x)), -1) @ rotation
    level = ray[..., 1] / np.hypot(ray[..., 0], ray[..., 2])
    return np.where((level < 0)[..., None], _ground(backdrop, ray, position), _above(backdrop, ray, level))


def _ground(backdrop: Backdrop, ray: ndarray, position: ndarray) -> ndarray:
    fall = np.minimum(ray[..., 1], -1e-4)
    far = np.minimum((backdrop.height - position[1]) / fall, 400)
    spot_x, spot_z = position[0] + far * ray[..., 0], position[2] + far * ray[..., 2]
    u, v = spot_x + backdrop.shift[0], spot_z + backdrop.shift[1]
    fine, broad = fractal(backdrop.texture, roughness=0.6), fractal(backdrop.texture + _TEXTURES)
    texture = _lookup(fine, 28 * u, 28 * v) * np.clip(14 / far, 0, 1) + 0.7 * _lookup(broad, 9 * u, 9 * v)
    shade = 1 + _ROUGHNESS[backdrop.place] * texture.clip(-2.5, 2.5)
    cells = np.stack([(spot / SHADOW_REACH + 1) * SHADOW_CELLS / 2 - 0.5 for spot in (spot_x, spot_z)])
    shade = shade * (1 - map_coordinates(backdrop.shadow, cells, order=1))
    haze = np.clip((far - 15) / 90, 0, 0.75)[..., None]
    return (1 - haze) * backdrop.ground * shade[..., None] + haze * (0.5 * backdrop.ground + 0.5 * backdrop.sky[1])


def _above(backdrop: Backdrop, ray: ndarray, level: ndarray) -> ndarray:
    picture = fractal(backdrop.texture)
    around = np.arctan2(ray[..., 0], ray[..., 2])
    up = np.clip(level * 2.2, 0, 1)[..., None]
    cloud = 0.05 * _lookup(picture, 500 * level + backdrop.shift[1], 250 * around).clip(-1, 2)
    sky = (1 - up) * backdrop.sky[1] + up * backdrop.sky[0] + cloud[..., None]
    phase = backdrop.shift[0]
    bumps = sum(np.sin(k * (around + phase * k)) / k**0.7 for k in (3, 7, 13, 29, 61))
    ridge = backdrop.hill_height * (1 + 0.6 * bumps)
    wooded = 1 + 0.08 * _lookup(picture, 900 * level, 500 * around)
    return np.where((level < ridge)[..., None], 0.75 * backdrop.hills * wooded[..., None] + 0.25 * backdrop.sky[1], sky)
