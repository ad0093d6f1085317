"""Where an animal's legs, belly, back, neck, head and tail are, read off the surface of its rest shape.

The animal is first set on its feet: shifted and sheared upright until the lowest point of every leg lies on the ground,
then scaled to metres. Nothing here knows a species; what cannot be seen (a belly without legs) falls back to shares
of the whole.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from models.geometry.skeleton import LEGS, feet
from models.geometry.smoothstep import smoothstep

MIDLINE = 0.25
"""Share of half the width within which a vertex counts for the outline of back and belly."""
LEAST_LEG = 0.15
"""Height of the belly as a share of the back's, where the surface shows less."""
LEVELLINGS = 3
"""Setting the lowest vertex of a leg on the ground may leave another one below it."""
SOLE = 0.04
"""What lies so little above the lowest vertex of a leg is its sole, as a share of the animal's height."""
LEAST_BACK = 0.3
"""Height of the withers as a share of the animal's, where the surface shows less."""
SLICES = 48
"""Slices along the body in which its outline is measured."""


@dataclass(frozen=True)
class Leg:
    """One leg below the belly, in metres."""

    side: int
    """1: left (+x), -1: right."""
    fore: bool
    hoof: Float[ndarray, " 3"]
    """Middle of the hoof, on the ground."""
    radius: float
    """Half the depth of the leg, along the body."""


@dataclass(frozen=True)
class Landmarks:
    """The animal on its feet, in metres: y = 0 is the ground, z = 0 is midway between its feet, the head is at +z."""

    vertices: Float[ndarray, "vertices 3"]
    scale: float
    """Metres per scene unit."""
    legs: tuple[Leg, ...]
    belly: float
    """Height of the belly between the legs."""
    withers: float
    """Height of the back above the fore legs."""
    half_width: float
    """Half the width of the trunk."""
    fore: float
    """z of the fore legs, or where they would be."""
    hind: float
    slices: Float[ndarray, " slices"]
    """Middles of the slices along z in which the outline was measured."""
    top: Float[ndarray, " slices"]
    """Height of the outline's upper edge in the mirror plane."""
    bottom: Float[ndarray, " slices"]

    def back(self, z: float) -> float:
        """Height of the upper outline."""
        return float(np.interp(z, self.slices, self.top))

    def underside(self, z: float) -> float:
        """Height of the lower outline in the mirror plane."""
        return float(np.interp(z, self.slices, self.bottom))

    def inside(self, z: float, share: float) -> Float[ndarray, " 3"]:
        """The point of the mirror plane at a share of the way from the lower to the upper outline."""
        low, high = self.underside(z), self.back(z)
        return np.array((0.0, low + share * (high - low), z))


def measure(vertices: Float[ndarray, "vertices 3"], legs: int, shoulder_height: float) -> Landmarks:
    """The animal set on its feet and scaled to `shoulder_height` metres at the withers, and its landmarks."""
    standing = np.asarray(vertices, np.float64)
    for _ in range(LEVELLINGS):
        standing = _set_on_ground(standing, _lowest(standing, legs))
    lowest = _lowest(standing, legs)
    fore, hind = _leg_line(standing, lowest)
    standing[:, 2] -= (fore + hind) / 2
    lowest = lowest - (0, 0, (fore + hind) / 2)
    fore, hind = (fore - hind) / 2, (hind - fore) / 2
    slices, top, _ = _outline(standing)
    scale = shoulder_height / max(float(np.interp(fore, slices, top)), LEAST_BACK * float(standing[:, 1].max()), 1e-6)
    standing, lowest, fore, hind = standing * scale, lowest * scale, fore * scale, hind * scale
    slices, top, bottom = _outline(standing)
    between = np.abs(standing[:, 2]) < (fore - hind) / 4
    belly = float(standing[between, 1].min()) if legs and between.any() else 0.0
    belly = max(belly, LEAST_LEG * shoulder_height) if legs else 0.0
    trunk = standing[(standing[:, 1] > belly) & (standing[:, 2] > hind) & (standing[:, 2] < fore)]
    return Landmarks(
        vertices=standing,
        scale=scale,
        legs=tuple(
            _leg(standing, point, name, belly, (fore - hind) / 3)
            for name, point in zip(LEGS[legs], lowest, strict=True)
        ),
        belly=belly,
        withers=shoulder_height,
        half_width=float(np.abs(trunk[:, 0]).max(initial=0.05 * shoulder_height)),
        fore=fore,
        hind=hind,
        slices=slices,
        top=top,
        bottom=bottom,
    )


def _lowest(vertices: Float[ndarray, "vertices 3"], legs: int) -> Float[ndarray, "legs 3"]:
    """The middle of each sole, as low as its lowest vertex: of those nearer to it than to the next leg of its side."""
    points = feet(torch.from_numpy(vertices)[None], legs)[0].numpy()
    reach = max(float(np.ptp(points[:, 2])), 1e-3) / 2 if legs == 4 else np.inf
    for leg, point in enumerate(points):
        near = (vertices[:, 0] * np.sign(point[0]) > 0) & (np.abs(vertices[:, 2] - point[2]) < reach)
        if near.any():
            own = vertices[near]
            sole = own[own[:, 1] < own[:, 1].min() + SOLE * np.ptp(vertices[:, 1])]
            points[leg] = (sole.min(0) + sole.max(0)) / 2
            points[leg, 1] = own[:, 1].min()
    return points


def _set_on_ground(
    vertices: Float[ndarray, "vertices 3"], lowest: Float[ndarray, "legs 3"]
) -> Float[ndarray, "vertices 3"]:
    """The trunk sheared along y such that fore and hind feet are level; what is left over is taken from the legs."""
    if not len(lowest):
        return vertices - (0, vertices[:, 1].min(), 0)
    slope, height = (
        np.polyfit(lowest[:, 2], lowest[:, 1], 1) if np.ptp(lowest[:, 2]) > 1e-3 else (0, lowest[:, 1].min())
    )
    x, y, z = vertices.T
    lift = slope * z + height
    tall = max(float((y - lift).max()), 1e-6)
    share = 1 - smoothstep((y - lift) / tall, 0.1, 0.4)
    nearness = -((vertices[:, None, ::2] - lowest[None, :, ::2]) ** 2).sum(-1) / (0.05 * tall) ** 2
    own = np.exp(nearness - nearness.max(1, keepdims=True))
    own = (own / own.sum(1, keepdims=True)) @ lowest[:, 1]
    return np.stack((x, y - (share * own + (1 - share) * lift), z), 1)


def _leg_line(vertices: Float[ndarray, "vertices 3"], lowest: Float[ndarray, "legs 3"]) -> tuple[float, float]:
    """z of the fore and of the hind legs; shares of the body where it has fewer than two pairs."""
    rear, front = vertices[:, 2].min(), vertices[:, 2].max()
    if len(lowest) == 4:
        middle = lowest[:, 2].mean()
        fore, hind = lowest[lowest[:, 2] > middle, 2].mean(), lowest[lowest[:, 2] <= middle, 2].mean()
    else:
        hind = lowest[:, 2].mean() if len(lowest) else rear + 0.3 * (front - rear)
        fore = hind + 0.35 * (front - hind)
    return float(fore), float(hind)


def _outline(vertices: Float[ndarray, "vertices 3"]) -> tuple[ndarray, ndarray, ndarray]:
    """Slices along z, and the highest and lowest vertex near the mirror plane in each; gaps are bridged."""
    near = vertices[np.abs(vertices[:, 0]) <= MIDLINE * np.abs(vertices[:, 0]).max()]
    edges = np.linspace(near[:, 2].min(), near[:, 2].max(), SLICES + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    slot = np.clip(np.searchsorted(edges, near[:, 2], side="right") - 1, 0, SLICES - 1)
    top, bottom = np.full(SLICES, -np.inf), np.full(SLICES, np.inf)
    np.maximum.at(top, slot, near[:, 1])
    np.minimum.at(bottom, slot, near[:, 1])
    full = np.isfinite(top)
    return middles, np.interp(middles, middles[full], top[full]), np.interp(middles, middles[full], bottom[full])


def _leg(
    vertices: Float[ndarray, "vertices 3"], lowest: Float[ndarray, " 3"], name: str, belly: float, reach: float
) -> Leg:
    """The hoof and the thickness of the leg whose lowest point is given."""
    side = 1 if name.startswith("left") else -1
    near = (side * vertices[:, 0] > 0) & (np.abs(vertices[:, 2] - lowest[2]) < reach)
    shank = vertices[near & (vertices[:, 1] > 0.3 * belly) & (vertices[:, 1] < 0.75 * belly)]
    radius = float(np.ptp(shank[:, 2])) / 2 if len(shank) > 3 else 0.2 * belly
    return Leg(side, "fore" in name, np.array((lowest[0], 0.0, lowest[2])), min(max(radius, 0.05 * belly), 0.6 * belly))
