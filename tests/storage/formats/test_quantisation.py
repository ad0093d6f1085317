"""What is quantised is off by half a step at most."""

import numpy as np

from storage.formats.quantisation import (
    fit_grid,
    quantise_normals,
    quantise_positions,
    quantise_shares,
    quantise_weights,
)

RANDOM = np.random.default_rng(0)


def test_positions_come_back_within_half_a_step_of_a_cubic_grid() -> None:
    vertices = RANDOM.normal(size=(200, 3)) * (0.2, 1, 3) + 7
    grid = fit_grid(vertices)
    steps = quantise_positions(vertices, grid)
    assert steps.min() == 0 and steps.max() == 65535
    np.testing.assert_allclose(steps @ grid[:3, :3].T + grid[:3, 3], vertices, atol=0.501 * grid[0, 0])
    assert len(np.unique(np.diag(grid)[:3])) == 1


def test_a_mesh_at_one_place_has_a_grid() -> None:
    point = np.ones((3, 3))
    assert (quantise_positions(point, fit_grid(point)) == 0).all()


def test_weights_sum_to_one_and_the_strongest_takes_the_rest() -> None:
    weights = -np.sort(-RANDOM.dirichlet(np.ones(4), 300), 1)
    steps = quantise_weights(weights)
    assert (steps.sum(1, dtype=int) == 255).all()
    np.testing.assert_allclose(steps / 255, weights, atol=2.01 / 255)


def test_normals_and_shares_use_their_whole_range() -> None:
    assert quantise_normals(np.array([(1.0, -1.0, 0.0)])).tolist() == [[127, -127, 0]]
    assert quantise_shares(np.array([(0.0, 1.0)])).tolist() == [[0, 65535]]
