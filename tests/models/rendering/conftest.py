"""Shapes whose pictures are known."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from models.geometry.cameras import Camera, look_at


@dataclass(frozen=True)
class Shape:
    """One mesh, not batched, in double precision."""

    vertices: Tensor
    faces: Tensor

    def clip(self, camera: Camera) -> Tensor:
        return camera.to_clip(self.vertices.expand(len(camera), -1, -1))


@pytest.fixture(scope="session")
def ball():
    """A unit sphere of 1,280 faces."""
    sphere = trimesh.creation.icosphere(3)
    return Shape(torch.tensor(np.array(sphere.vertices)), torch.tensor(np.array(sphere.faces)))


@pytest.fixture(scope="session")
def cameras():
    """Three views of the origin."""
    return look_at(torch.tensor([0.1, 1.3, -2.5]).double(), torch.tensor([0.0, 0.4, -0.2]).double())


@pytest.fixture(scope="session")
def soup():
    """Clip positions of two images of 40 triangles of all sizes, in front of each other."""
    generator = torch.Generator().manual_seed(3)
    centre = torch.rand(2, 40, 1, 2, generator=generator, dtype=torch.float64) * 2 - 1
    extent = torch.rand(2, 40, 1, 1, generator=generator, dtype=torch.float64) ** 3
    corners = centre + extent * (torch.rand(2, 40, 3, 2, generator=generator, dtype=torch.float64) * 2 - 1)
    w = 5 + 10 * torch.rand(2, 40, 3, 1, generator=generator, dtype=torch.float64)
    z = (w - 8) / 10
    clip = torch.cat((corners * w, z * w, w), -1).flatten(1, 2)
    return clip, torch.arange(120).view(40, 3)
