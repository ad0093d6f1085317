import numpy as np
import pytest
import torch

from models.embedded.body_fitting import (
    axis_angles,
    fit_keypoints,
    fit_regressor,
    fit_shapes,
    keep_strongest,
    merge_skin,
)

RANDOM = np.random.default_rng(0)
MEAN, DIRECTIONS = RANDOM.normal(size=(300, 3)), RANDOM.normal(size=(300, 3, 2)) * (0.1, 0.02)


def make_bodies() -> np.ndarray:
    return MEAN + np.einsum("vxs,bs->bvx", DIRECTIONS, RANDOM.normal(size=(60, 2)))


def test_directions_hold_the_bodies_that_they_were_made_from():
    bodies = make_bodies()
    mean, directions, share = fit_shapes(bodies, 2)
    assert share == pytest.approx(1)
    basis = np.linalg.qr(directions.reshape(-1, 2))[0]
    apart = (bodies - mean).reshape(60, -1)
    assert np.abs(apart - apart @ basis @ basis.T).max() < 1e-9
    # A standard deviation each: the coefficients of the bodies have variance 1.
    numbers = apart @ np.linalg.pinv(directions.reshape(-1, 2)).T
    np.testing.assert_allclose(numbers.std(0, ddof=1), 1, rtol=1e-6)


def test_more_directions_than_bodies_are_refused():
    with pytest.raises(ValueError, match="60 directions of shape asked of 60 bodies"):
        fit_shapes(make_bodies(), 60)


def test_a_point_inside_is_read_from_the_vertices_around_it():
    bodies = make_bodies()
    points = np.stack([bodies[:, :40].mean(1), bodies[:, 50:60].mean(1)], 1)
    regressor = fit_regressor(points, bodies)
    np.testing.assert_allclose(regressor.sum(1), 1, atol=1e-5)
    assert np.abs(regressor @ bodies - points).max() < 0.02 and (regressor != 0).sum(1).max() <= 80


def test_a_keypoint_is_on_the_vertices_that_fall_nearest_to_it():
    generator = torch.Generator().manual_seed(0)
    projected = torch.randn(30, 12, 3, generator=generator)
    projected[:, 4:8] = projected[:, 4:5] + 0.01 * torch.randn(30, 4, 3, generator=generator)
    regressor = fit_keypoints(projected[:, 4:5] + 0.05, projected)
    assert regressor[0].nonzero()[:, 0].tolist() == [4, 5, 6, 7] and regressor.sum() == 1


def test_skins_sum_to_one_after_bones_are_merged_and_the_weak_left_out():
    weights = RANDOM.dirichlet(np.ones(6), 20)
    merged = merge_skin(weights, np.array([0, 0, 1, 2, 2, 2]), 3)
    np.testing.assert_allclose(merged[:, 0], weights[:, :2].sum(1), rtol=1e-5)
    few = keep_strongest(weights, 4)
    assert ((few > 0).sum(1) == 4).all()
    np.testing.assert_allclose(few.sum(1), 1)


def test_axis_and_angle_of_a_quarter_turn():
    turn = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    np.testing.assert_allclose(axis_angles(turn), [[0, 0, np.pi / 2]], atol=1e-12)
