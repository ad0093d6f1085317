import pytest
import torch

from models.geometry.uv_sphere import mirror_maps
from models.methods.meshinversion.networks import (
    LATENT,
    Generator,
    MapDiscriminator,
    PictureDiscriminator,
    pad_sphere,
    positions,
)

LATENTS = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("texels", [64, 128])
def test_latents_become_maps_each_by_itself(texels):
    torch.manual_seed(0)
    network = Generator(8, texels, symmetric="nothing")
    displacement, colour = network(LATENTS)
    assert displacement.shape == (3, 3, 32, 32) and colour.shape == (3, 3, texels, texels) and colour.abs().max() <= 1
    assert torch.allclose(network(LATENTS[1:2])[0], displacement[1:2], atol=1e-5)
    assert not torch.allclose(displacement[0], displacement[1], atol=1e-2)


@pytest.mark.parametrize(("symmetric", "shapes", "colours"), [("nothing", 0, 0), ("colour", 0, 1), ("both", 1, 1)])
def test_a_symmetric_generator_makes_maps_that_are_their_mirror_images(symmetric, shapes, colours):
    torch.manual_seed(0)
    displacement, colour = Generator(8, 64, symmetric)(LATENTS)
    assert torch.equal(mirror_maps(displacement), displacement) == shapes
    assert torch.equal(colour.flip(-1), colour) == colours
    assert displacement.shape[-1] == 32 and colour.shape[-1] == 64


def test_columns_go_on_round_the_sphere_and_rows_end():
    maps = torch.arange(6.0).view(1, 1, 2, 3)
    assert pad_sphere(maps)[0, 0].tolist() == [[2, 0, 1, 2, 0], [2, 0, 1, 2, 0], [5, 3, 4, 5, 3], [5, 3, 4, 5, 3]]


def test_a_map_turned_round_by_a_patch_has_its_answers_turned_round():
    torch.manual_seed(0)
    judge = MapDiscriminator(4, 64, 8).eval()
    judge.places.zero_()
    maps = torch.rand(1, 4, 64, 64)
    assert torch.allclose(judge(maps.roll(8, -1)), judge(maps).roll(1, -1), atol=1e-5)


def test_discriminators_know_where_they_look():
    where = positions(32)
    assert where.shape == (1, 4, 32, 32)
    assert torch.equal(where[0, :2, 0], where[0, :2, 5]) and torch.equal(where[0, 2:, :, 0], where[0, 2:, :, 5])
    torch.manual_seed(0)
    judge = MapDiscriminator(4, 32, 8).eval()
    assert judge(torch.zeros(1, 4, 32, 32)).std() > 0


def test_a_patch_of_the_picture_discriminator_is_seventy_pixels_wide():
    torch.manual_seed(0)
    judge = PictureDiscriminator(8).eval()
    pictures = torch.rand(1, 4, 128, 128, requires_grad=True)
    answer = judge(pictures)
    answer[0, 0, answer.shape[2] // 2, answer.shape[3] // 2].backward()
    touched = pictures.grad[0].abs().sum((0, 1)).nonzero()
    assert touched.max() - touched.min() + 1 == 70
