"""A toy world with known truth: an ellipsoid with a head, seen from all sides."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import pi

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from models.data.batch import Batch
from models.geometry.cameras import Camera, look_at
from models.geometry.mesh import Mesh
from models.rendering.deferred import Surface, render
from models.rendering.reference import Reference
from models.rendering.types import Light, Rendering
from models.truth.examples import Example, NovelView, RelitView
from models.truth.novel_views import crop_to_animal, keep_with_object, orbit

SIZE = 48
YAWS = (pi / 2, pi)


def body() -> Mesh:
    trunk = trimesh.creation.icosphere(subdivisions=2).apply_transform(np.diag((0.7, 0.9, 1.7, 1.0)))
    head = trimesh.creation.icosphere(subdivisions=2, radius=0.5).apply_translation((0, 0.9, 1.6))
    both = trimesh.util.concatenate([trunk, head])
    return Mesh(torch.tensor(both.vertices, dtype=torch.float32)[None], torch.tensor(both.faces))


def lamp(x: float, count: int = 1) -> Light:
    direction = torch.nn.functional.normalize(torch.tensor([[x, 0.5, 0.7]]), dim=-1)
    return Light(direction.repeat(count, 1), torch.full((count,), 0.4), torch.full((count,), 0.6))


def coat(points: Tensor, image: Tensor) -> Tensor:
    return 0.5 + 0.4 * torch.sin(3 * points)


@dataclass(frozen=True)
class Toys:
    """Animals in their coat, each before its camera and under its lamp."""

    meshes: Mesh
    camera: Camera
    light: Light

    def __len__(self) -> int:
        return len(self.meshes)

    def mesh(self, row: int) -> Mesh:
        return Mesh(self.meshes.vertices[row : row + 1], self.meshes.faces)

    def pick(self, row: int, count: int = 1) -> "Toys":
        rows = torch.full((count,), row)
        meshes = Mesh(self.meshes.vertices[rows], self.meshes.faces)
        return replace(self, meshes=meshes, camera=self.camera[rows], light=self.light.rows(rows))

    def render(self, size: int, camera: Camera | None = None, light: Light | None = None) -> Rendering:
        surface = Surface(self.meshes, body().vertices, coat)
        return render(Reference(), surface, camera or self.camera, light or self.light, size)


@dataclass(frozen=True)
class Oracle:
    """Answers with the truth, or with one mistake."""

    examples: list[Example]
    yaw: float = 0.0
    stretch: float = 1.0

    def predict(self, batch: Batch) -> Toys:
        azimuths = torch.tensor([self.examples[int(row)].azimuth + self.yaw for row in batch.index])
        count = len(batch)
        mesh = Mesh(body().vertices.expand(count, -1, -1) * torch.tensor((1, self.stretch, 1)), body().faces)
        return Toys(mesh, look_at(azimuths, torch.full((count,), 0.1)), lamp(0.0, count))


def example(index: int, azimuth: float) -> Example:
    camera = look_at(torch.tensor([azimuth]), torch.tensor([0.1]))

    def picture(view: Camera, light: Light) -> Rendering:
        return render(Reference(), Surface(body(), body().vertices, coat), view, light, SIZE)

    photo, relit = picture(camera, lamp(0.0)), picture(camera, lamp(-1.5))
    views = []
    for yaw in YAWS:
        other = orbit(camera, torch.tensor([yaw]))
        seen = picture(other, keep_with_object(lamp(0.0), camera, other))
        views.append(NovelView(yaw, *crop_to_animal(seen.rgb[0], seen.mask[0], SIZE)))
    keypoints = body().vertices[:, [5, 50, 100, 170, 200]]
    batch = Batch(photo.rgb, photo.mask, photo.mask * 0 + 1, None, torch.tensor([index % 3 - 1]), torch.tensor([index]))
    seen_faces = body().faces[photo.visible[0]].unique()
    return Example(
        key=f"toy-{index}",
        crop=batch,
        mesh=body(),
        azimuth=azimuth,
        keypoints=camera.project(keypoints)[0],
        seen=torch.isin(torch.tensor([5, 50, 100, 170, 200]), seen_faces),
        turned=tuple(views),
        relit=(RelitView(lamp(-1.5), relit.rgb[0], relit.mask[0]),),
    )


@pytest.fixture(scope="session")
def toys() -> list[Example]:
    """Seven views of the toy animal with everything known."""
    return [example(index, azimuth) for index, azimuth in enumerate(np.linspace(-3, 2.7, 7).tolist())]


@pytest.fixture(scope="session")
def oracle(toys: list[Example]) -> Callable[..., Oracle]:
    """Makes methods that know the truth, or make one mistake."""
    return partial(Oracle, toys)
