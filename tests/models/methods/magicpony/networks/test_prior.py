from math import pi

import pytest
import torch

from models.geometry.generic_quadruped import generic_quadruped
from models.geometry.sdf import axes
from models.layers.coordinate_mlp import HALF_EXTENT, harmonics
from models.methods.magicpony.networks.prior import Prior, PriorConfig
from models.methods.magicpony.presets import PRESETS


@pytest.fixture
def prior() -> Prior:
    torch.manual_seed(0)
    return PriorConfig(grid=16, fine_grid=24, fine_from=0.5).build()


def test_the_shape_starts_as_the_ellipsoid(prior: Prior) -> None:
    extents = prior.eval().mesh(1.0, None).vertices[0].abs().amax(0)
    assert torch.allclose(extents, torch.tensor((1.05, 1.05, 2.1)), atol=0.03)


def test_the_shape_may_start_as_the_generic_quadruped() -> None:
    prior = PriorConfig(grid=32, first="quadruped").build().eval()
    near = generic_quadruped(prior.mesh(0.0, None).vertices[0]).abs()
    assert near.mean() < 0.02 and near.max() < 0.15, "of a grid with cubes of 0.22"


def test_the_grid_gets_finer_at_its_share(prior: Prior) -> None:
    prior.eval()
    coarse, late = (prior.mesh(progress, None).vertices.shape[1] for progress in (0.49, 0.5))
    assert late > 1.5 * coarse


def test_only_training_jitters_and_only_by_its_generator(prior: Prior) -> None:
    def shape(seed: int) -> torch.Tensor:
        return prior.mesh(0.0, torch.Generator().manual_seed(seed)).vertices

    first, again, other = shape(0), shape(0), shape(1)
    assert torch.equal(first, again) and (first.shape != other.shape or not torch.equal(first, other))
    prior.eval()
    assert torch.equal(shape(0), shape(1))


def test_an_untrained_shape_is_symmetric_in_training_too(prior: Prior) -> None:
    torch.nn.init.normal_(prior.distance.last.weight, std=0.2)
    vertices = prior.mesh(0.0, torch.Generator().manual_seed(0)).vertices[0]
    points = {tuple(vertex) for vertex in vertices.tolist()}
    assert {(-x + 0.0, y, z) for x, y, z in points} == {(x + 0.0, y, z) for x, y, z in points}


def test_the_distance_on_a_grid_is_that_at_its_points(prior: Prior) -> None:
    torch.nn.init.normal_(prior.distance.last.weight)
    grid = axes(8, 3.5, 0.1, torch.device("cpu"))
    points = torch.stack(torch.meshgrid(*grid, indexing="ij"), -1)
    assert torch.allclose(prior.on_grid(grid).flatten(), prior(points.view(-1, 3)), atol=1e-5)


def test_the_surface_trains_the_distance(prior: Prior) -> None:
    prior.mesh(0.0, None).vertices.square().sum().backward()
    gradient = prior.distance.last.weight.grad
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


def test_features_lie_in_the_unit_interval_and_differ_by_side(prior: Prior) -> None:
    points = torch.randn(20, 3)
    found = prior.features(points)
    assert found.shape == (20, 16) and found.min() > 0 and found.max() < 1
    assert not torch.allclose(found, prior.features(points * torch.tensor((-1.0, 1, 1))))


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_no_octave_of_the_shape_is_finer_than_two_cubes(scale: str) -> None:
    config = PRESETS[scale].animal.prior
    two_cubes = torch.tensor(2 * 2 * HALF_EXTENT / config.fine_grid)
    octaves = harmonics(two_cubes / 4, config.sdf.frequencies, 0.9 * pi / HALF_EXTENT)
    # Within a quarter of its period the finest sine, like all the others, still rises.
    assert (octaves[1 : 1 + config.sdf.frequencies].diff() > 0).all()
    assert octaves[1 + config.sdf.frequencies :].min() > 0
