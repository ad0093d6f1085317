"""Smooth random fields: sums of cosine waves for surfaces, tileable fractal pictures for grounds."""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Field = Callable[[Float[ndarray, "*points 3"]], Float[ndarray, "*points"]]
"""A scalar field over points."""


def waves(random: np.random.Generator, frequency: float, count: int = 24) -> Field:
    """A smooth field with unit variance; `frequency` in radians per unit of length."""
    direction = random.normal(size=(3, count))
    direction *= frequency * random.uniform(0.6, 1.3, count) / np.linalg.norm(direction, axis=0)
    direction, phase = direction.astype(np.float32), random.uniform(0, 2 * np.pi, count).astype(np.float32)
    scale = np.float32(np.sqrt(2 / count))
    return lambda points: scale * np.cos(points @ direction + phase).sum(-1)


@cache
def fractal(seed: int, size: int = 256, roughness: float = 1.6) -> Float[ndarray, "size size"]:
    """A tileable picture with spectrum 1 / f**roughness, zero mean, unit variance and no wave over size / 3."""
    random = np.random.default_rng(seed)
    fy, fx = np.meshgrid(np.fft.fftfreq(size) * size, np.fft.rfftfreq(size) * size, indexing="ij")
    radius = np.hypot(fy, fx)
    amplitude = np.where(radius < 3, 0, 1 / np.maximum(radius, 1) ** roughness)
    picture = np.fft.irfft2(amplitude * np.exp(2j * np.pi * random.random(radius.shape)), s=(size, size))
    return (picture / picture.std()).astype(np.float32)
