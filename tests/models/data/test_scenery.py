import pytest
import torch

from models.data import scenery

SIZE = 64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def disc():
    """Sixteen red discs of label 3 on grey."""
    axis = torch.linspace(-1, 1, SIZE)
    inside = (axis[:, None] ** 2 + axis**2 < 0.36).expand(16, -1, -1)
    image = torch.where(inside[:, None], torch.tensor([0.9, 0.2, 0.1]).view(1, 3, 1, 1), torch.full((16, 3, 1, 1), 0.5))
    return image, inside.long() * 3


def test_pictures_that_are_not_staged_stay_as_they_are(disc):
    image, label = scenery.stage(*disc, 0.0, 0.0, generator())
    assert torch.equal(image, disc[0]) and torch.equal(label, disc[1])


def test_staged_animals_keep_their_place_and_lose_their_backdrop(disc):
    image, label = scenery.stage(*disc, 1.0, 0.0, generator())
    assert ((label == 0) | (label == disc[1])).all() and (label > 0).sum() > 0.9 * (disc[1] > 0).sum()
    outside = disc[1][:, None] == 0
    assert ((image - disc[0]).abs() * outside).amax((1, 2, 3)).min() > 0.05
    assert image.min() >= 0 and image.max() <= 1


def test_an_empty_picture_has_no_label(disc):
    image, label = scenery.stage(*disc, 0.0, 1.0, generator())
    assert not label.any() and not torch.equal(image, disc[0])


def test_the_generator_decides_everything(disc):
    one, other, third = (scenery.stage(*disc, 0.6, 0.2, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1]) and not torch.equal(one[0], third[0])


def test_backdrops_are_plain_and_rough_dark_and_light():
    pictures = scenery.paint_backdrops(64, SIZE, generator())
    assert pictures.shape == (64, 3, SIZE, SIZE) and pictures.min() >= 0 and pictures.max() <= 1
    roughness, light = (pictures[..., 1:] - pictures[..., :-1]).abs().mean((1, 2, 3)), pictures.mean((1, 2, 3))
    assert roughness.min() < 0.01 and roughness.max() > 0.05
    assert light.min() < 0.3 and light.max() > 0.7


def test_a_new_coat_stays_inside_the_animal_with_its_outline(disc):
    image, label = disc
    mask = label[:, None] > 0
    soft = scenery._soft_edge(mask, generator())
    assert (soft[~mask] < 0.5).all() and soft[:, :, SIZE // 2, SIZE // 2].min() == 1
    styled = scenery.restyle(image, mask, torch.rand(image.shape, generator=generator()), generator())
    assert styled.min() >= 0 and styled.max() <= 1 and (styled != image).flatten(1).any(1).float().mean() > 0.4


def test_light_from_behind_darkens_the_animal_alone(disc):
    image, label = disc
    alpha = (label[:, None] > 0).float()
    lit = torch.cat([scenery.relight(image, alpha, generator(seed)) - image for seed in range(8)])
    inside, outside = (lit[..., SIZE // 2, SIZE // 2].mean(1), lit[..., 0, 0].mean(1))
    assert ((inside < -0.05) & (outside == 0)).any() and ((inside < 0) & (outside < -0.2)).any()


@pytest.mark.parametrize("size", [64, 50])
def test_compression_keeps_the_picture_but_for_detail(size):
    smooth = torch.linspace(0.2, 0.8, size).expand(32, 3, size, size)
    kept = scenery.compress(smooth, generator())
    assert kept.shape == smooth.shape and (kept - smooth).abs().mean() < 0.05
    noise = torch.rand(32, 3, size, size, generator=generator(3))
    changed = (scenery.compress(noise, generator()) - noise).abs().mean((1, 2, 3)) > 1e-6
    assert 6 < changed.sum() < 26
