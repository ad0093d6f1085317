import pytest
import torch

from models.data import scenery

SIZE = 64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def disc():
    """Sixteen opaque discs."""
    axis = torch.linspace(-1, 1, SIZE)
    return (axis[:, None] ** 2 + axis**2 < 0.36).float().expand(16, 1, -1, -1)


def test_backdrops_are_plain_and_rough_dark_and_light():
    pictures = scenery.paint_backdrops(64, SIZE, generator())
    assert pictures.shape == (64, 3, SIZE, SIZE) and pictures.min() >= 0 and pictures.max() <= 1
    roughness, light = (pictures[..., 1:] - pictures[..., :-1]).abs().mean((1, 2, 3)), pictures.mean((1, 2, 3))
    assert roughness.min() < 0.01 and roughness.max() > 0.05
    assert light.min() < 0.3 and light.max() > 0.7


def test_light_from_behind_darkens_the_animal_alone(disc):
    image = torch.full((16, 3, SIZE, SIZE), 0.6)
    lit = torch.cat([scenery.relight(image, disc, generator(seed)) - image for seed in range(8)])
    inside, outside = (lit[..., SIZE // 2, SIZE // 2].mean(1), lit[..., 0, 0].mean(1))
    assert ((inside < -0.05) & (outside == 0)).any() and ((inside < 0) & (outside < -0.2)).any()


def test_shadows_lie_below_and_not_above(disc):
    darkness = scenery.cast_shadows(disc, generator()).amax(0)[0]
    assert darkness[:8].max() < 0.05 and darkness[SIZE // 2 :].max() > 0.15 and darkness.max() < 0.81


def test_only_the_pictures_asked_for_have_something_in_front():
    where = (torch.arange(16) % 2 == 0).view(-1, 1, 1, 1)
    hidden = scenery.hide(SIZE, where, generator())
    assert not hidden[1::2].any() and hidden[::2].flatten(1).any(1).float().mean() > 0.5
    assert hidden.float().mean((1, 2, 3)).max() < 0.2


@pytest.mark.parametrize("size", [64, 50])
def test_compression_keeps_the_picture_but_for_detail(size):
    smooth = torch.linspace(0.2, 0.8, size).expand(32, 3, size, size)
    kept = scenery.compress(smooth, generator())
    assert kept.shape == smooth.shape and (kept - smooth).abs().mean() < 0.05
    noise = torch.rand(32, 3, size, size, generator=generator(3))
    changed = (scenery.compress(noise, generator()) - noise).abs().mean((1, 2, 3)) > 1e-6
    assert 6 < changed.sum() < 26
