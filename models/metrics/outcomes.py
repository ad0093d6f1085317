"""What a method makes of examples: everything the metrics look at, computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float

from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.methods.magicpony.state import Prediction
from models.metrics.keypoints import visible_vertices
from models.metrics.views import fixed_to_object, further, normalised, turned
from models.rendering.types import Light, Rendering
from models.truth.examples import Example, Relit, Turned, joined

BACK = 5.5
"""How far the camera of a novel view stands back; the crop rule makes up for it."""


@runtime_checkable
class Reconstructor(Protocol):
    """Anything that answers a crop with an animal and can draw it."""

    def predict(self, batch: Batch) -> Prediction:
        """One animal per crop, by its best viewpoint and without randomness."""
        ...

    def render(
        self, prediction: Prediction, size: int, camera: Camera | None = None, light: Light | None = None
    ) -> Rendering:
        """Pictures from the predicted or another camera, under the predicted or another light."""
        ...


@dataclass(frozen=True)
class Picture:
    """A rendered picture and its silhouette."""

    rgb: Float[np.ndarray, "size size 3"]
    mask: Bool[np.ndarray, "size size"]


@dataclass(frozen=True)
class Outcome:
    """One answer; a method that cannot say something leaves it None or empty."""

    mesh: trimesh.Trimesh | None = None
    azimuth: float | None = None
    projection: Float[np.ndarray, "vertices 2"] | None = None
    visible: Bool[np.ndarray, " vertices"] | None = None
    photo: tuple[Picture, ...] = ()
    """The input view, alone."""
    turned: tuple[Picture, ...] = ()
    """Like `Example.turned`."""
    relit: tuple[Picture, ...] = ()
    """Like `Example.relit`."""


def outcomes(method: Reconstructor, examples: Sequence[Example], batch: int) -> list[Outcome]:
    """One outcome per example, in their order."""
    with torch.no_grad():
        return [outcome for some in _chunks(examples, batch) for outcome in _of_one_batch(method, some)]


def copies(examples: Sequence[Example]) -> list[Outcome]:
    """The photo itself in the place of every novel view and every new light: what 3D must beat."""
    return [_copy(example) for example in examples]


def _chunks(examples: Sequence[Example], size: int) -> Iterator[list[Example]]:
    for start in range(0, len(examples), size):
        yield list(examples[start : start + size])


def _of_one_batch(method: Reconstructor, examples: list[Example]) -> list[Outcome]:
    prediction = method.predict(joined(examples))
    size = examples[0].crop.mask.shape[-1]
    photo = method.render(prediction, size)
    turns = [_turned(method, prediction, views, size) for views in zip(*(e.turned for e in examples), strict=True)]
    lamps = [
        _pictures(method.render(prediction, size, light=_lights(relit)))
        for relit in zip(*(e.relit for e in examples), strict=True)
    ]
    faces = prediction.mesh.faces.cpu().numpy()
    projections = prediction.camera.project(prediction.mesh.vertices).cpu().numpy()
    return [
        Outcome(
            mesh=trimesh.Trimesh(vertices.cpu().numpy(), faces, process=False),
            azimuth=float(prediction.camera.azimuth[row]),
            projection=projections[row],
            visible=visible_vertices(faces, photo.visible[row].cpu().numpy(), len(vertices)),
            photo=(_pictures(photo)[row],),
            turned=tuple(pictures[row] for pictures in turns),
            relit=tuple(pictures[row] for pictures in lamps),
        )
        for row, vertices in enumerate(prediction.mesh.vertices)
    ]


def _turned(method: Reconstructor, prediction: Prediction, views: Sequence[Turned], size: int) -> list[Picture]:
    """The novel views of a batch, each cut by the crop rule; the lamp stays with the object."""
    camera = turned(prediction.camera, torch.tensor([view.yaw for view in views]))
    light = fixed_to_object(prediction.light, prediction.camera, camera)
    rendering = method.render(prediction, size * 3 // 2, camera=further(camera, BACK), light=light)
    return [_picture(*normalised(*row, size)) for row in zip(rendering.rgb.cpu(), rendering.mask.cpu(), strict=True)]


def _lights(relit: Sequence[Relit]) -> Light:
    direction, ambient, diffuse = (
        torch.cat([getattr(each.light, part) for each in relit]) for part in ("direction", "ambient", "diffuse")
    )
    return Light(direction, ambient, diffuse)


def _pictures(rendering: Rendering) -> list[Picture]:
    return [_picture(*row) for row in zip(rendering.rgb, rendering.mask, strict=True)]


def _picture(rgb: torch.Tensor, mask: torch.Tensor) -> Picture:
    return Picture(rgb.clamp(0, 1).cpu().numpy(), mask.cpu().numpy() > 0.5)


def _copy(example: Example) -> Outcome:
    image, mask = example.crop.image[0], example.crop.mask[0]
    novel = _picture(*normalised(image, mask, len(mask)))
    same = _picture(image * mask[..., None], mask)
    return Outcome(turned=(novel,) * len(example.turned), relit=(same,) * len(example.relit))
