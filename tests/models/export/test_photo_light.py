"""A light is corrected by what a photo shows, and left alone where it shows nothing."""

import torch
from torch.nn.functional import normalize

from models.export.photo_light import fit_light
from models.rendering.shading import shade
from models.rendering.types import Light

PREDICTED = Light(normalize(torch.tensor([[0.5, 0.5, 0.5]]), dim=-1), torch.tensor([0.5]), torch.tensor([0.6]))
TRUE = Light(normalize(torch.tensor([[0.2, 0.6, 0.7]]), dim=-1), torch.tensor([0.4]), torch.tensor([0.75]))


def pixels(count, light):
    """Normals, albedos, colours and rows of pixels in this light."""
    random = torch.Generator().manual_seed(0)
    normal = normalize(torch.randn(count, 3, generator=random) + torch.tensor((0.2, 0.4, 1.0)), dim=-1)
    albedo = 0.2 + 0.6 * torch.rand(count, 3, generator=random)
    return normal, albedo, albedo * shade(normal[None], light)[0, :, None], torch.zeros(count, dtype=torch.long)


def error(light):
    return float((light.coefficients - TRUE.coefficients).norm())


def test_the_light_of_the_photo_is_found_by_most_of_the_way():
    normal, albedo, color, row = pixels(4000, TRUE)
    fitted = fit_light(PREDICTED, normal, albedo, color, row)
    assert error(fitted) < 0.5 * error(PREDICTED)
    torch.testing.assert_close(fitted.direction.norm(dim=1), torch.ones(1))


def test_a_right_light_stays():
    normal, albedo, color, row = pixels(4000, TRUE)
    assert error(fit_light(TRUE, normal, albedo, color, row)) < 1e-4


def test_a_handful_of_pixels_moves_no_light():
    torch.testing.assert_close(fit_light(PREDICTED, *pixels(20, TRUE)).coefficients, PREDICTED.coefficients)


def test_each_photo_has_its_own_light():
    normal, albedo, color, row = pixels(4000, TRUE)
    both = Light(*(part.repeat(2, *(1,) * (part.ndim - 1)) for part in vars(PREDICTED).values()))
    fitted = fit_light(both, normal, albedo, color, row + 1)
    torch.testing.assert_close(fitted.coefficients[:1], PREDICTED.coefficients)
    assert error(Light(*(part[1:] for part in vars(fitted).values()))) < 0.5 * error(PREDICTED)
