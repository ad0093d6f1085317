"""A photo is read back off the surface that it shows, and off nothing behind it."""

import pytest
import torch

from models.data.batch import Batch
from models.export.photo_layer import PhotoLayer, Sight, see_surface
from models.geometry.cameras import look_at
from models.geometry.mesh import Mesh
from models.rendering import Reference
from models.rendering.types import Light

SIZE = 64
LAMP = Light(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0.4]), torch.tensor([0.4]))
CAMERA = look_at(torch.tensor([0.0]), torch.tensor([0.0]), 5.0)
SQUARES = Mesh(
    torch.tensor([[[x, y, z] for z in (0.0, -1.0) for x, y in ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))]]),
    torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]),
)
"""One square before another, the nearer at z = 0, both facing the camera."""
FRONT = torch.tensor([[0.3, 0.2, 0.0], [-0.3, -0.2, 0.0]])


@pytest.fixture(scope="module")
def sight() -> Sight:
    """A photo whose left half is red and whose right half is blue."""
    image = torch.zeros(1, SIZE, SIZE, 3)
    image[:, :, : SIZE // 2, 0] = image[:, :, SIZE // 2 :, 2] = 0.4
    ones = torch.ones(1, SIZE, SIZE)
    photos = Batch(image, ones, ones, None, torch.tensor([-1]), torch.tensor([0]))
    return see_surface(Reference(), SQUARES, SQUARES.vertices, CAMERA, photos)


@pytest.fixture(scope="module")
def layer(sight: Sight) -> PhotoLayer:
    return sight.layer(CAMERA, LAMP)


def test_colours_come_without_the_light(layer: PhotoLayer) -> None:
    color, trust = layer.read(FRONT, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(color, torch.tensor([[0.0, 0, 0.5], [0.5, 0, 0]]))
    torch.testing.assert_close(trust, torch.ones(2))


def test_what_is_hidden_or_off_the_picture_is_not_read(layer: PhotoLayer) -> None:
    hidden = torch.cat((FRONT - torch.tensor((0, 0, 1.0)), torch.tensor([[9.0, 0, 0], [0, 0, 1e6]])))
    assert not layer.read(hidden, torch.zeros(4, dtype=torch.long))[1].any()


def test_a_picked_photo_is_read_alike_in_every_row(layer: PhotoLayer) -> None:
    rows = layer.pick(0, 3)
    torch.testing.assert_close(rows.read(FRONT, torch.tensor([2, 1]))[0], layer.read(FRONT, torch.tensor([0, 0]))[0])


def test_the_canonical_points_are_those_of_the_pixels(sight: Sight) -> None:
    ndc = CAMERA.project(sight.canonical[None])[0]
    column, row = sight.pixel % SIZE, sight.pixel // SIZE
    torch.testing.assert_close((ndc + 1) / 2 * SIZE - 0.5, torch.stack((column, row), 1).float(), atol=1e-3, rtol=0)


def test_a_sample_is_trusted_and_small(sight: Sight) -> None:
    chosen = sight.sample(50)
    assert 25 <= len(chosen) <= 100
    assert (sight.trust.flatten()[sight.pixel[chosen]] > 0.5).all()
