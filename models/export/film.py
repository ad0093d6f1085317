"""Moving pictures of one reconstructed animal, on white: all round, walking, and under a moving light."""

from dataclasses import replace
from math import pi, sin

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import FOV, PerspectiveCamera, look_at
from models.geometry.gait import walk
from models.methods.magicpony.reconstructor import AnimalReconstructor, picked
from models.methods.magicpony.state import Prediction
from models.rendering.types import Light, Rendering

MARGIN = 1.05
"""Room around the sphere that holds the animal."""
SIDE = 2 * pi / 5
"""Azimuth from which an animal walks past."""
LIFT = 0.2
"""Elevation of every camera that is not the photo's."""
SECONDS = 2.0
"""Of every film."""
Film = UInt8[np.ndarray, "frames {size} {size} 3"]


def turntable(reconstructor: AnimalReconstructor, prediction: Prediction, size: int, frames: int) -> Film:
    """Once round the first animal, from the photo's view on, with the lamp beside the camera."""
    many = picked(prediction, 0, frames)
    camera = framed(many, many.camera.azimuth.cpu() + torch.arange(frames) * (2 * pi / frames))
    return on_white(reconstructor.render(many, size, camera, studio(frames)))


def relit(reconstructor: AnimalReconstructor, prediction: Prediction, size: int, frames: int) -> Film:
    """The photo's side of the first animal while the lamp circles in front of it."""
    turn = torch.arange(frames) * (2 * pi / frames)
    direction = torch.stack((1.6 * turn.sin(), 0.3 + 0.9 * turn.cos(), torch.ones_like(turn)), -1)
    many = picked(prediction, 0, frames)
    return on_white(reconstructor.render(many, size, framed(many, many.camera.azimuth.cpu()), _lamp(direction)))


def walking(reconstructor: AnimalReconstructor, prediction: Prediction, size: int, frames: int) -> Film:
    """The first animal through one cycle of a walk, seen from its side by a camera that stands still."""
    angles = walk(reconstructor.animal.skeleton, frames + 1)[:-1]
    many = reconstructor.posed(picked(prediction, 0, frames), angles)
    still = framed(picked(many, 0, frames), torch.full((frames,), SIDE))
    return on_white(reconstructor.render(many, size, still, studio(frames)))


def strip(reconstructor: AnimalReconstructor, batch: Batch, size: int) -> UInt8[np.ndarray, "batch {size} width 3"]:
    """For each photo: itself, its reconstruction, the bare shape, and the animal from both sides and behind."""
    prediction, lamp = reconstructor.predict(batch), studio(len(batch))
    photo = torch.nn.functional.interpolate(batch.image.movedim(-1, 1), (size, size), mode="bilinear").movedim(1, -1)
    shape = reconstructor.render(prediction, size, None, lamp)
    grey = (0.8 * shape.shading[..., None]).expand(-1, -1, -1, 3)
    panels = [photo, reconstructor.render(prediction, size), replace(shape, rgb=grey)]
    for yaw in (pi / 2, pi, 3 * pi / 2):
        camera = framed(prediction, prediction.camera.azimuth.cpu() + yaw)
        panels.append(reconstructor.render(prediction, size, camera, lamp))
    return np.concatenate([_bytes(each) if isinstance(each, Tensor) else on_white(each) for each in panels], 2)


def framed(prediction: Prediction, azimuth: Float[Tensor, " batch"]) -> PerspectiveCamera:
    """Cameras a little above the animals, each as near as the sphere round its animal lets it."""
    vertices = prediction.mesh.vertices.cpu()
    low, high = vertices.amin(1), vertices.amax(1)
    distance = MARGIN * (high - low).norm(dim=-1) / 2 / sin(FOV / 2)
    return look_at(azimuth, torch.full_like(azimuth, LIFT), distance, (low + high) / 2)


def studio(count: int) -> Light:
    """A soft lamp above the camera's shoulder."""
    return _lamp(torch.tensor((0.3, 0.6, 1.0)).expand(count, 3))


def on_white(rendering: Rendering) -> UInt8[np.ndarray, "frames height width 3"]:
    """The pictures over white."""
    return _bytes(rendering.rgb + 1 - rendering.mask[..., None])


def _lamp(direction: Float[Tensor, "frames 3"]) -> Light:
    count = len(direction)
    unit = torch.nn.functional.normalize(direction, dim=-1)
    return Light(unit, torch.full((count,), 0.5), torch.full((count,), 0.65))


def _bytes(images: Tensor) -> np.ndarray:
    return (images.clamp(0, 1) * 255).round().byte().cpu().numpy()
