from dataclasses import replace

import pytest
import torch

from models.data.ground_truth import Truth
from models.methods.magicpony.losses.lighting import AHEAD, backlight_penalty, light_distance
from models.rendering.shading import shade
from models.rendering.types import Light
from tests.models.methods.magicpony.losses.test_keypoint_distance import batch

LAMP = Light(torch.tensor([[0.6, 0.0, 0.8]]), torch.tensor([0.4]), torch.tensor([0.5]))


def lit(light):
    none = torch.zeros(1, 0, 3)
    return replace(batch(None), truth=Truth(torch.zeros(1, 3), none, none, light.coefficients, torch.zeros(0).long()))


def test_the_coefficients_are_what_shading_is_linear_in():
    normals = torch.nn.functional.normalize(torch.randn(1, 40, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    normals = normals * torch.where((normals * LAMP.direction).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    ones = torch.ones(1, 40, 1)
    linear = torch.cat((ones, normals), -1) @ LAMP.coefficients[0]
    assert torch.allclose(linear, shade(normals, LAMP), atol=1e-6)


def test_the_known_light_misses_nothing_and_another_by_its_distance():
    assert light_distance(LAMP, lit(LAMP)).item() == 0
    brighter = replace(LAMP, ambient=torch.tensor([0.7]))
    assert light_distance(brighter, lit(LAMP)).item() == pytest.approx(0.3**2)
    behind = replace(LAMP, direction=-LAMP.direction)
    assert light_distance(behind, lit(LAMP)).item() == pytest.approx(1.0)


def test_a_light_before_the_animal_costs_nothing_and_one_behind_it_what_it_lacks():
    directions = torch.tensor([[0.0, 0.6, 0.8], [0.8, 0.6, 0.0], [0.0, 0.6, -0.8]], requires_grad=True)
    cost = backlight_penalty(Light(directions, torch.full((3,), 0.4), torch.full((3,), 0.5)))
    assert cost.item() == pytest.approx((AHEAD**2 + (AHEAD + 0.8) ** 2) / 3)
    cost.backward()
    assert (directions.grad[0] == 0).all() and (directions.grad[1:, 2] < 0).all()


def test_photos_do_not_know_their_lights():
    with pytest.raises(ValueError, match=r"batch\.truth is None; only procedural animals"):
        light_distance(LAMP, batch(None))
