import math

import pytest
import torch

from models.methods.smplify.terms import AnglePrior, fit_prior, hinge, reprojection, rest_bends, robust, shape_prior


def test_a_small_miss_counts_its_square_and_a_large_one_hardly_more_than_sigma():
    known, trust = torch.zeros(2, 1, 2), torch.ones(2, 1)
    miss = reprojection(torch.tensor([[[1.0, 0]], [[1e5, 0]]]), known, trust)
    assert miss[0] == pytest.approx(1, rel=1e-3) and miss[1] == pytest.approx(100**2, rel=1e-3)
    assert reprojection(torch.ones(2, 1, 2), known, 0 * trust).sum() == 0
    assert robust(torch.tensor([1.0, 1e10])).tolist() == pytest.approx([1, 100**2], rel=1e-3)


def test_a_hinge_is_steep_the_wrong_way():
    axes = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]])
    bent = torch.tensor([[[9.0, 9, 9], [angle, 0.7, 0]] for angle in (1.0, -1.0)])
    right, wrong = hinge(bent, axes, torch.zeros(2)).tolist()
    assert right == pytest.approx(math.exp(-2)) and wrong == pytest.approx(math.exp(2))
    assert hinge(bent, axes, torch.tensor([0.0, 1.0]))[1].item() == pytest.approx(1)


def test_a_hinge_knows_how_far_it_is_bent_at_rest():
    joints = torch.tensor([[0.0, 0, 0], [0, -1, 0], [0, -2, -1]])
    axes = torch.zeros(3, 3)
    axes[1, 0] = 1
    assert rest_bends(joints, (-1, 0, 1), axes).tolist() == pytest.approx([0, math.pi / 4, 0])


def test_the_mean_shape_costs_nothing():
    assert shape_prior(torch.tensor([[0.0, 0], [1, 2]])).tolist() == [0, 5]


def make_poses(count: int) -> torch.Tensor:
    """Two bunches, wide along one axis."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(count, 2, generator=generator) * torch.tensor([0.5, 0.1])
    return torch.cat((spread + torch.tensor([2.0, 1.0]), spread - torch.tensor([2.0, 1.0])))


def test_one_gaussian_is_the_mean_and_the_covariance():
    prior = fit_prior(make_poses(200)[:200], 1)
    assert torch.allclose(prior.mean, torch.tensor([2.0, 1.0]), atol=0.1)
    here, along, across = prior.energy(prior.mean + torch.tensor([[0.0, 0], [0.3, 0], [0, 0.3]])).tolist()
    assert here == pytest.approx(0, abs=1e-5) and 0 < along < across / 5


def test_a_mixture_finds_both_bunches_and_nothing_between():
    prior = fit_prior(make_poses(200), 2)
    energy = prior.energy(torch.tensor([[2.0, 1], [-2, -1], [0, 0]]))
    assert energy[:2].max() < 0.5 and energy[2] > 5


def test_too_few_poses_are_refused():
    with pytest.raises(ValueError, match="39 poses are too few for 2 Gaussians"):
        fit_prior(make_poses(20)[:39], 2)


def test_the_plain_prior_is_half_of_the_squared_angles():
    assert AnglePrior().energy(torch.tensor([[1.0, 2.0]])).tolist() == [2.5]
