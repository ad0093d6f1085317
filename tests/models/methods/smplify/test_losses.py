import pytest
import torch

from models.methods.smplify.losses import OUTLINE_POINTS, SLACK, Silhouette, spread_points

SIZE, SCALE = 64, torch.tensor([160.0])


def disc(radius: float, right: float = 0.0) -> torch.Tensor:
    """A mask, radius and centre in normalised device coordinates."""
    middle = (2 * torch.arange(SIZE) + 1) / SIZE - 1
    return ((middle[:, None].square() + (middle[None] - right).square()) < radius**2).float()[None]


def surface(radius: float, right: float = 0.0) -> torch.Tensor:
    """Points all over the same disc."""
    ring = torch.linspace(0, 1, 12)[:, None] * torch.ones(60)
    angle = torch.linspace(0, 6.2832, 61)[:-1]
    points = torch.stack((ring * angle.cos(), ring * angle.sin()), -1).flatten(0, 1)
    return (radius * points + torch.tensor((right, 0.0)))[None]


def miss(mask: torch.Tensor, points: torch.Tensor) -> float:
    return float(Silhouette.of(mask).miss(points, SCALE))


def test_an_outline_that_agrees_costs_nothing_and_one_that_is_shifted_the_more_the_further():
    mask = disc(0.5)
    agreeing, *shifted = [miss(mask, surface(0.48, right)) for right in (0.0, 0.1, 0.2, 0.4)]
    assert agreeing < 1e-3 and shifted == sorted(shifted) and shifted[0] > 5


def test_what_is_too_large_costs_outside_and_what_is_too_small_leaves_the_outline_bare():
    mask = disc(0.5)
    assert miss(mask, surface(0.7)) > 10 and miss(mask, surface(0.3)) > 10
    assert miss(mask, surface(0.5 - SLACK / 160 / 2)) < 1, "as far apart as points of the surface are"


def test_its_slope_leads_back():
    points = surface(0.48, 0.2).requires_grad_()
    Silhouette.of(disc(0.5)).miss(points, SCALE).sum().backward()
    assert points.grad is not None and points.grad[..., 0].sum() > 0
    assert points.grad[..., 1].sum().abs() < 0.1 * points.grad[..., 0].sum()


def test_a_point_that_is_far_off_counts_hardly_more_than_sigma():
    points = surface(0.48)
    points[0, 0, 0] = 0.99
    wanted = 100**2 * 78**2 / (100**2 + 78**2) / points.shape[1]
    assert miss(disc(0.5), points) == pytest.approx(wanted, rel=0.05)


def test_beyond_the_edge_of_the_picture_nothing_is_asked():
    middle = (2 * torch.arange(SIZE) + 1) / SIZE - 1
    mask = ((middle[:, None].abs() < 0.5) & (middle > 0)).float()[None]
    silhouette = Silhouette.of(mask)
    last = silhouette.outline[silhouette.outline[..., 0] > middle[-2]]
    assert len(last) and last[:, 1].abs().min() > 0.4, "where the picture cuts the animal is no outline"
    row = torch.linspace(-0.48, 0.48, 40)
    inside = torch.cartesian_prod(torch.linspace(0.02, 1, 40), row)[None]
    assert miss(mask, torch.cat((inside, inside + torch.tensor((0.5, 0.0))), 1)) < 1e-3


def test_rows_are_those_that_were_chosen_and_have_outlines_of_one_length():
    both = Silhouette.of(torch.cat((disc(0.5), disc(0.2))))
    turned = both.rows(torch.tensor([1, 0, 1]))
    assert torch.equal(turned.away[2], both.away[1]) and turned.outline.shape == (3, OUTLINE_POINTS, 2)


def test_an_empty_mask_asks_nothing_and_leaves_the_others_alone():
    points = torch.rand(2, 50, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    both = Silhouette.of(torch.cat((disc(0.5), 0 * disc(0.5))))
    misses = both.rows(torch.tensor([1, 0])).miss(points, torch.full((2,), 100.0))
    assert misses[0] == 0 and misses[1] == Silhouette.of(disc(0.5)).miss(points[1:], torch.full((1,), 100.0))
    misses.sum().backward()
    assert points.grad is not None and not points.grad[0].any() and points.grad[1].any()


def test_a_mask_without_an_edge_is_all_animal():
    assert not Silhouette.of(torch.ones(1, 8, 8)).away.any()


def test_points_are_spread_over_all_of_a_surface():
    line = torch.linspace(0, 1, 101)[:, None] * torch.tensor((1.0, 0.0, 0.0))
    assert sorted(line[spread_points(line, 3), 0].tolist()) == [0, 0.5, 1]
    assert len(spread_points(line[:2], 5)) == 2
