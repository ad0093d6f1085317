import torch

from models.methods.magicpony.networks.appearance import AppearanceConfig

ALBEDO, LIGHT = AppearanceConfig(light_width=16).build(code=5)
POINTS = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
CODES = torch.randn(2, 5, generator=torch.Generator().manual_seed(1))
IMAGE = torch.arange(20) % 2


def test_colours_lie_in_the_unit_interval_and_are_symmetric() -> None:
    colors = ALBEDO(POINTS, CODES, IMAGE)
    assert colors.shape == (20, 3) and colors.min() > 0 and colors.max() < 1
    assert torch.equal(colors, ALBEDO(POINTS * torch.tensor((-1.0, 1, 1)), CODES, IMAGE))


def test_a_point_has_the_colour_of_its_own_animal() -> None:
    assert not torch.allclose(ALBEDO(POINTS, CODES, IMAGE), ALBEDO(POINTS, CODES, 1 - IMAGE))


def test_no_covered_pixel_means_no_colour() -> None:
    assert ALBEDO(POINTS[:0], CODES, IMAGE[:0]).shape == (0, 3)


def test_light_comes_from_above_within_its_ranges() -> None:
    light = LIGHT(100 * torch.randn(50, 5))
    assert torch.allclose(light.direction.norm(dim=-1), torch.ones(50), atol=1e-5)
    assert (light.direction[:, 1] > 0.3).all()
    assert light.ambient.min() >= 0 and light.ambient.max() <= 1
    assert light.diffuse.min() >= 0.5 and light.diffuse.max() <= 1
