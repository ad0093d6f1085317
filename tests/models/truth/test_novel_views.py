"""Cameras walk round and step back, lights stay with the animal, crops forget place and size."""

import pytest
import torch

from models.geometry.cameras import look_at
from models.rendering.types import Light
from models.truth.novel_views import crop_to_animal, keep_with_object, orbit, step_back


def test_turning_adds_to_the_azimuth_and_keeps_the_rest() -> None:
    camera = look_at(torch.tensor([0.3, -2.0]), torch.tensor([0.1, 0.4]))
    after = orbit(camera, torch.tensor([0.7, 0.7]))
    expected = look_at(torch.tensor([1.0, -1.3]), torch.tensor([0.1, 0.4]))
    torch.testing.assert_close(after.T_camera_world, expected.T_camera_world, atol=1e-5, rtol=0)


def test_a_camera_steps_straight_back() -> None:
    camera = look_at(torch.tensor([0.3, -2.0]), torch.tensor([0.1, 0.4]))
    back = step_back(camera, 5.5)
    torch.testing.assert_close(back.position, camera.position * 1.55, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.azimuth, camera.azimuth)


def test_a_light_fixed_to_the_object_stays_put_in_the_world() -> None:
    old, new = look_at(torch.tensor([0.3]), torch.tensor([0.1])), look_at(torch.tensor([2.0]), torch.tensor([-0.2]))
    direction = torch.nn.functional.normalize(torch.tensor([[0.3, 0.5, -0.2]]), dim=-1)
    light = Light(direction, torch.tensor([0.4]), torch.tensor([0.6]))
    moved = keep_with_object(light, old, new)
    world = [(c.T_camera_world[0, :3, :3].mT @ each.direction[0]) for c, each in ((old, light), (new, moved))]
    torch.testing.assert_close(*world)


def disc(size: int, row: float, column: float, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    mask = ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).float()
    return mask[..., None] * torch.stack((columns > column, rows > row, rows > -1), -1), mask


def test_a_crop_forgets_place_and_size() -> None:
    small, large = (crop_to_animal(*disc(*shape), 32) for shape in ((64, 20, 40, 12), (128, 70, 60, 36)))
    assert (small[0] - large[0]).abs().mean() < 0.03
    assert small[1].mean() == pytest.approx(0.25, abs=0.01)


def test_what_is_alike_on_both_sides_is_so_in_its_crop() -> None:
    _, mask = crop_to_animal(*disc(64, 31, 40, 12), 32)
    assert torch.allclose(mask, mask.flip(0), atol=1e-4) and torch.allclose(mask, mask.flip(1), atol=1e-4)


def test_an_empty_crop_stays_empty() -> None:
    image, mask = crop_to_animal(torch.ones(16, 16, 3), torch.zeros(16, 16), 8)
    assert image.sum() == mask.sum() == 0
