import pytest
import torch

from models.methods.meshinversion.losses import (
    contextual_loss,
    feature_loss,
    hinge_loss,
    latent_prior,
    mask_loss,
    misplacement,
    pixel_loss,
    square_loss,
)
from models.methods.meshinversion.refine import pixel_middles

RANDOM = torch.Generator().manual_seed(0)


def test_nothing_counts_more_within_twice_the_tolerance_and_everything_beyond_by_its_square():
    places = torch.tensor([[0.0, 0.0], [0.31, 0.0], [0.42, 0.0], [1.0, 0.0]])
    weight = misplacement(places[:1], places)[0]
    assert weight[:2].tolist() == [1, 1]
    assert weight[2:].tolist() == pytest.approx([1 - 0.32**2 + 0.42**2, 1 - 0.32**2 + 1])
    assert not misplacement(places.clone().requires_grad_(), places).requires_grad


def picture(shift):
    """Smooth stripes, shifted to the right by some pixels of 64."""
    middles = pixel_middles(64, 64, torch.zeros(1))
    stripes = (12 * (middles[..., 0] - shift * 2 / 64)).sin()[..., None]
    return stripes.expand(-1, -1, 3).flatten(0, 1), middles.flatten(0, 1)


def test_a_shift_of_three_pixels_costs_a_tenth_of_what_it_costs_pixel_by_pixel():
    (here, places), (there, _) = picture(0), picture(3)
    chamfer = pixel_loss(there, places, here, places) - pixel_loss(here, places, here, places)
    assert chamfer < 0.1 * (here - there).abs().mean()
    assert pixel_loss(here, places, here, places) == 1


def test_colours_that_the_photo_has_not_pull_ours_to_those_it_has():
    ours = torch.tensor([[0.9, 0.0, 0.0]], requires_grad=True)
    places = torch.zeros(1, 2)
    pixel_loss(ours, places, torch.tensor([[0.5, 0, 0], [-1, 0, 0]]), places.expand(2, 2)).backward()
    assert ours.grad[0].tolist() == pytest.approx([0.8, 0, 0])


def test_features_are_compared_by_direction_and_both_ways():
    ours, theirs = torch.tensor([[2.0, 0]]), torch.tensor([[1.0, 0], [0, 1]])
    places = torch.zeros(2, 2)
    # Ours has its like; the second of theirs, at a right angle to all of ours, is two squares of one away.
    assert feature_loss(ours, places[:1], theirs, places) == pytest.approx((1 + (1 + 3) / 2) / 2)


def test_the_mask_loss_counts_vertices_outside_and_pixels_that_are_left_bare():
    pixels = torch.tensor([[0.0, 0], [1, 0]])
    assert mask_loss(pixels, pixels) == 0
    assert mask_loss(torch.tensor([[0.0, 0]]), pixels) == pytest.approx(0.5)
    assert mask_loss(torch.tensor([[0.0, 0], [1, 0], [1, 3]]), pixels) == pytest.approx(3)


def test_contextual_loss_is_least_where_each_feature_has_its_like():
    features = torch.randn(20, 8, generator=RANDOM)
    shuffled = features[torch.randperm(20, generator=RANDOM)]
    others = torch.randn(20, 8, generator=RANDOM)
    assert contextual_loss(shuffled, features) < 0.2 < contextual_loss(others, features)


def test_the_prior_is_half_the_mean_square():
    assert latent_prior(torch.tensor([[1.0, 3.0]])) == 2.5


def test_discriminators_pay_for_what_they_are_not_sure_of():
    logits = torch.tensor([2.0, 0.0]).view(2, 1, 1, 1)
    assert hinge_loss(logits, real=True) == 0.5 and hinge_loss(logits, real=False) == 2
    known = torch.tensor([False, True]).view(2, 1, 1, 1)
    assert hinge_loss(logits, True, known) == 1, "the mean over what is known, be it one patch"
    assert hinge_loss(logits, True, known & False) == 0
    assert square_loss(logits, 1.0) == 1
