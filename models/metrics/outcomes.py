"""What a method makes of examples: everything the metrics look at, computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float
from torch import Tensor

from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.metrics.keypoints import visible_vertices
from models.rendering.reconstruction import Reconstruction, Reconstructor, Relightable, Renderable
from models.rendering.types import Light, Rendering
from models.truth.examples import Example, NovelView, RelitView, join_examples
from models.truth.novel_views import crop_to_animal, keep_with_object, orbit, step_back

BACK = 5.5
"""How far the camera of a novel view stands back; the crop rule makes up for it."""


class Lit(Renderable, Relightable, Protocol):
    """Can be drawn, and knows the light of its photo."""


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
    reconstruction = method.predict(join_examples(examples))
    size = examples[0].crop.mask.shape[-1]
    outcomes = [_geometry(reconstruction, row) for row in range(len(examples))]
    if not isinstance(reconstruction, Renderable):
        return outcomes
    rendering = reconstruction.render(size)
    photos, turns, lights = _pictures(rendering), _all_turned(reconstruction, examples, size), list[list[Picture]]()
    if isinstance(reconstruction, Relightable):
        relit = zip(*(example.relit for example in examples), strict=True)
        lights = [_pictures(reconstruction.render(size, light=_lights(each))) for each in relit]
    return [
        replace(
            outcome,
            visible=_visible(reconstruction.mesh(row), rendering.visible[row]),
            photo=(photos[row],),
            turned=tuple(pictures[row] for pictures in turns),
            relit=tuple(pictures[row] for pictures in lights),
        )
        for row, outcome in enumerate(outcomes)
    ]


def _geometry(reconstruction: Reconstruction, row: int) -> Outcome:
    """What one answer says without a picture."""
    one = reconstruction.pick(row)
    mesh, camera = one.mesh(0), one.camera
    azimuth = None if camera is None else float(camera.azimuth[0])
    if mesh is None:
        return Outcome(azimuth=azimuth)
    shape = trimesh.Trimesh(mesh.vertices[0].cpu().numpy(), mesh.faces.cpu().numpy(), process=False)
    projection = None if camera is None else camera.project(mesh.vertices)[0].cpu().numpy()
    return Outcome(mesh=shape, azimuth=azimuth, projection=projection)


def _visible(mesh: Mesh | None, faces: Bool[Tensor, " faces"]) -> Bool[np.ndarray, " vertices"] | None:
    if mesh is None:
        return None
    # Surfaces with faces of their own are drawn together: the row is as long as the longest of them.
    return visible_vertices(mesh.faces.cpu().numpy(), faces[: len(mesh.faces)].cpu().numpy(), mesh.vertices.shape[1])


def _all_turned(reconstruction: Reconstruction, examples: list[Example], size: int) -> list[list[Picture]]:
    """One list of pictures per novel view; none where the answer has no camera or no light to turn with it."""
    if not (isinstance(reconstruction, Renderable) and isinstance(reconstruction, Relightable)):
        return []
    if (camera := reconstruction.camera) is None:
        return []
    views = zip(*(example.turned for example in examples), strict=True)
    return [_turned(reconstruction, camera, each, size) for each in views]


def _turned(reconstruction: Lit, predicted: Camera, views: Sequence[NovelView], size: int) -> list[Picture]:
    """The novel views of a batch, each cut by the crop rule; the light stays with the object."""
    camera = orbit(predicted, torch.tensor([view.yaw for view in views]))
    light = keep_with_object(reconstruction.light, predicted, camera)
    rendering = reconstruction.render(size * 3 // 2, camera=step_back(camera, BACK), light=light)
    return [
        _picture(*crop_to_animal(*row, size)) for row in zip(rendering.rgb.cpu(), rendering.mask.cpu(), strict=True)
    ]


def _lights(relit: Sequence[RelitView]) -> Light:
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
    novel = _picture(*crop_to_animal(image, mask, len(mask)))
    same = _picture(image * mask[..., None], mask)
    return Outcome(turned=(novel,) * len(example.turned), relit=(same,) * len(example.relit))
