"""Moving pictures of one reconstructed animal, on white: all round, walking, and under a moving light."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import pi, sin
from typing import Protocol, TypeGuard

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.data.batch import Batch
from models.export.motions import WALK, go
from models.export.rigging import rig
from models.geometry.cameras import FOV, PerspectiveCamera, look_at
from models.rendering.reconstruction import Reconstruction, Relightable, Renderable, Rigged
from models.rendering.types import Light, Rendering

MARGIN = 1.05
"""Room around the sphere that holds the animal."""
SIDE = 2 * pi / 5
"""Azimuth from which an animal walks past."""
LIFT = 0.2
"""Elevation of every camera that is not the photo's."""
SECONDS = {"turntable": 2.0, "walk": 7 / 6, "relit": 2.0}
"""Duration of each film; a walk is that of an animal of `SHOULDER_HEIGHT`, whatever its own is in its GLB."""
SHOULDER_HEIGHT = 1.4
"""A walk in films is that of an animal of so many metres."""
Film = UInt8[np.ndarray, "frames {size} {size} 3"]


class Drawable(Reconstruction, Renderable, Protocol):
    """An answer that can be drawn from any camera."""


class Walker(Drawable, Rigged, Protocol):
    """An answer that can also be posed."""


def is_drawable(reconstruction: Reconstruction) -> TypeGuard[Drawable]:
    """Whether pictures can be made of it."""
    return isinstance(reconstruction, Renderable)


def is_walker(reconstruction: Reconstruction) -> TypeGuard[Walker]:
    """Whether films of it moving can be made."""
    return isinstance(reconstruction, Renderable) and isinstance(reconstruction, Rigged)


def turntable(reconstruction: Drawable, size: int, frames: int) -> Film:
    """Once round the first animal, from the photo's view on, with the light beside the camera."""
    many = reconstruction.pick(0, frames)
    camera = framed(many, _azimuth(many) + torch.arange(frames) * (2 * pi / frames))
    return on_white(many.render(size, camera, studio(frames)))


def relit(reconstruction: Drawable, size: int, frames: int) -> Film:
    """The photo's side of the first animal while the light circles in front of it."""
    turn = torch.arange(frames) * (2 * pi / frames)
    direction = torch.stack((1.6 * turn.sin(), 0.3 + 0.9 * turn.cos(), torch.ones_like(turn)), -1)
    many = reconstruction.pick(0, frames)
    return on_white(many.render(size, framed(many, _azimuth(many)), _light(direction)))


def walking(reconstruction: Walker, size: int, frames: int) -> Film:
    """The first animal through one cycle of the walk of its GLB, seen from its side by a camera that stands still."""
    one = reconstruction.pick(0)
    rest = one.rest()
    rigging = rig(rest.vertices[0].cpu().numpy(), rest.faces.cpu().numpy(), one.legs, SHOULDER_HEIGHT)
    walk = go(rigging.body, WALK, frames).pose
    vertices = rigging.vertices(walk)[:-1] / rigging.landmarks.scale
    many = reconstruction.pick(0, frames).with_surface(torch.from_numpy(vertices).to(rest.vertices))
    still = framed(many.pick(0, frames), torch.full((frames,), SIDE))
    return on_white(many.render(size, still, studio(frames)))


def strip(reconstruction: Reconstruction, batch: Batch, size: int) -> UInt8[np.ndarray, "batch {size} width 3"]:
    """For each photo: itself, its reconstruction, the bare shape, and the animal from both sides and behind.

    The photo alone where the answers cannot be drawn.
    """
    photo = torch.nn.functional.interpolate(batch.image.movedim(-1, 1), (size, size), mode="bilinear").movedim(1, -1)
    panels = [_bytes(photo), *(_views(reconstruction, size) if is_drawable(reconstruction) else ())]
    return np.concatenate(panels, 2)


def _views(reconstruction: Drawable, size: int) -> Iterator[UInt8[np.ndarray, "batch {size} {size} 3"]]:
    light = studio(len(reconstruction))
    yield on_white(reconstruction.render(size))
    shape = reconstruction.render(size, None, light)
    yield on_white(replace(shape, rgb=(0.8 * shape.shading[..., None]).expand(-1, -1, -1, 3)))
    for yaw in (pi / 2, pi, 3 * pi / 2):
        camera = framed(reconstruction, _azimuth(reconstruction) + yaw)
        yield on_white(reconstruction.render(size, camera, light))


def films(reconstruction: Reconstruction) -> dict[str, Callable[[int, int], Film]]:
    """The films that can be made of an answer, by name: each takes pixels along an edge and frames."""
    known: dict[str, Callable[[int, int], Film]] = {}
    if is_drawable(reconstruction):
        known["turntable"] = partial(turntable, reconstruction)
    if is_walker(reconstruction):
        known["walk"] = partial(walking, reconstruction)
    if is_drawable(reconstruction) and isinstance(reconstruction, Relightable):
        known["relit"] = partial(relit, reconstruction)
    return known


def framed(reconstruction: Reconstruction, azimuth: Float[Tensor, " batch"]) -> PerspectiveCamera:
    """Cameras a little above the animals, each as near as the sphere round its animal lets it."""
    vertices = [_vertices(reconstruction, row) for row in range(len(reconstruction))]
    low, high = torch.stack([row.amin(0) for row in vertices]), torch.stack([row.amax(0) for row in vertices])
    distance = MARGIN * (high - low).norm(dim=-1) / 2 / sin(FOV / 2)
    return look_at(azimuth, torch.full_like(azimuth, LIFT), distance, (low + high) / 2)


def _vertices(reconstruction: Reconstruction, row: int) -> Float[Tensor, "vertices 3"]:
    """Those of one answer; a unit cube's corners where it has no surface."""
    mesh = reconstruction.mesh(row)
    return torch.tensor(((-1.0,) * 3, (1.0,) * 3)) if mesh is None else mesh.vertices[0].cpu()


def _azimuth(reconstruction: Reconstruction) -> Float[Tensor, " batch"]:
    """Of the predicted cameras; from the animals' right sides where there are none."""
    if reconstruction.camera is None:
        return torch.full((len(reconstruction),), SIDE)
    return reconstruction.camera.azimuth.cpu()


def studio(count: int) -> Light:
    """A soft light above the camera's shoulder."""
    return _light(torch.tensor((0.3, 0.6, 1.0)).expand(count, 3))


def on_white(rendering: Rendering) -> UInt8[np.ndarray, "frames height width 3"]:
    """The pictures over white."""
    return _bytes(rendering.rgb + 1 - rendering.mask[..., None])


def _light(direction: Float[Tensor, "frames 3"]) -> Light:
    count = len(direction)
    unit = torch.nn.functional.normalize(direction, dim=-1)
    return Light(unit, torch.full((count,), 0.5), torch.full((count,), 0.65))


def _bytes(images: Tensor) -> np.ndarray:
    return (images.clamp(0, 1) * 255).round().byte().cpu().numpy()
