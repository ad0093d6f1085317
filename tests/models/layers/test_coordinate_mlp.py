from math import pi

import pytest
import torch

from models.layers.coordinate_mlp import HALF_EXTENT, CoordMlpConfig, harmonics, zero_init_

CONFIG = CoordMlpConfig(layers=3, width=16, frequencies=3)
POINTS = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
CODES = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))


def test_harmonics_are_the_value_and_octaves_of_sine_and_cosine() -> None:
    found = harmonics(torch.tensor([0.5]), 2, pi)
    assert torch.allclose(found, torch.tensor([[0.5, 1, 0, 0, -1]]), atol=1e-6)


def test_a_grid_gets_the_values_of_its_points() -> None:
    network = CONFIG.build(2)
    axes = (torch.linspace(-1, 1, 3), torch.linspace(0, 2, 4), torch.linspace(-3, 0, 5))
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    assert torch.allclose(network.on_grid(axes), network(points), atol=1e-5)


def test_a_symmetric_network_cannot_tell_left_from_right() -> None:
    mirrored = POINTS * torch.tensor((-1.0, 1, 1))
    symmetric, free = CONFIG.build(2, symmetric=True), CONFIG.build(2)
    assert torch.equal(symmetric(POINTS), symmetric(mirrored))
    assert not torch.allclose(free(POINTS), free(mirrored))


def test_each_point_hears_its_own_image() -> None:
    network = CONFIG.build(2, code=5)
    every = network(POINTS, CODES)
    assert every.shape == (2, 10, 2)
    image = torch.arange(10) % 2
    chosen = network(POINTS, CODES, image)
    assert torch.allclose(chosen, every[image, torch.arange(10)], atol=1e-6)
    assert not torch.allclose(every[0], every[1])


@pytest.mark.parametrize("image", (None, torch.arange(10) % 2))
def test_half_precision_is_the_same_function_to_half_of_the_digits(image: torch.Tensor | None) -> None:
    torch.manual_seed(2)
    network = CONFIG.build(2, code=5)
    exact = network(POINTS, CODES, image)
    exact.square().sum().backward()
    wanted = [each.grad.clone() for each in network.parameters()]
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(POINTS, CODES, image)
    assert rough.shape == exact.shape
    assert torch.allclose(rough.float(), exact, atol=0.02 * exact.abs().max().item())
    # Points that were filled up have no part in it.
    rough.float().square().sum().backward()
    for each, right in zip(network.parameters(), wanted, strict=True):
        assert (each.grad - right).norm() < 0.05 * right.norm()


def test_a_network_that_hears_an_image_must_get_one() -> None:
    with pytest.raises(ValueError, match="code is None"):
        CONFIG.build(2, code=5)(POINTS)


def test_a_zero_initialised_network_answers_zero_and_can_still_learn() -> None:
    network = CONFIG.build(1)
    zero_init_(network.last)
    answer = network(POINTS)
    answer.sum().backward()
    assert (answer == 0).all() and network.last.weight.grad.abs().sum() > 0


def test_the_lowest_octave_tells_the_ends_of_the_cube_apart() -> None:
    ends = harmonics(torch.tensor((-HALF_EXTENT, HALF_EXTENT)), 1, 0.9 * pi / HALF_EXTENT)
    assert (ends[0] - ends[1])[1].abs() > 0.5
