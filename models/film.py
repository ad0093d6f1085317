"""Moving pictures of one reconstructed animal, on white: all round, walking, and under a moving light."""

from math import pi

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from models.geometry.camera import look_at
from models.geometry.gait import walk
from models.metrics.views import further, turned
from models.prediction import Batch, Light, Prediction, Rendering
from models.reconstruction import AnimalReconstructor, picked

BACK = 2.5
"""The camera stands this much further back than the photo's, so that nothing is cut off."""
SIDE = 2 * pi / 5
"""Azimuth from which an animal walks past."""
LIFT = 0.2
"""Elevation of that camera."""
Film = UInt8[np.ndarray, "frames {size} {size} 3"]


def turntable(reconstructor: AnimalReconstructor, prediction: Prediction, size: int, frames: int) -> Film:
    """Once round the first animal, from the photo's view on, with the lamp beside the camera."""
    many = picked(prediction, 0, frames)
    camera = turned(further(many.camera, BACK), torch.arange(frames) * (2 * pi / frames))
    return on_white(reconstructor.render(many, size, camera, studio(frames)))


def relit(reconstructor: AnimalReconstructor, prediction: Prediction, size: int, frames: int) -> Film:
    """The photo's view of the first animal while the lamp circles in front of it."""
    turn = torch.arange(frames) * (2 * pi / frames)
    direction = torch.stack((1.6 * turn.sin(), 0.3 + 0.9 * turn.cos(), torch.ones_like(turn)), -1)
    many = picked(prediction, 0, frames)
    return on_white(reconstructor.render(many, size, further(many.camera, BACK / 2), _lamp(direction)))


def walking(reconstructor: AnimalReconstructor, prediction: Prediction, size: int, frames: int) -> Film:
    """The first animal through one cycle of a walk, seen from its side."""
    angles = walk(reconstructor.animal.skeleton, frames + 1)[:-1]
    many = reconstructor.posed(picked(prediction, 0, frames), angles)
    shots = torch.full((frames,), SIDE)
    camera = further(look_at(shots, torch.full_like(shots, LIFT)), BACK)
    return on_white(reconstructor.render(many, size, camera, studio(frames)))


def strip(reconstructor: AnimalReconstructor, batch: Batch, size: int) -> UInt8[np.ndarray, "batch {size} width 3"]:
    """For each photo: itself, its reconstruction, the bare shape, and the animal from both sides and behind."""
    prediction = reconstructor.predict(batch)
    photo = torch.nn.functional.interpolate(batch.image.movedim(-1, 1), (size, size), mode="bilinear").movedim(1, -1)
    seen = reconstructor.render(prediction, size)
    shape = (0.8 * seen.shading[..., None]).expand(-1, -1, -1, 3)
    panels = [_bytes(photo), on_white(seen), _bytes(shape + 1 - seen.mask[..., None])]
    for yaw in (pi / 2, pi, 3 * pi / 2):
        camera = turned(further(prediction.camera, BACK), torch.full((len(batch),), yaw))
        panels.append(on_white(reconstructor.render(prediction, size, camera, studio(len(batch)))))
    return np.concatenate(panels, 2)


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
