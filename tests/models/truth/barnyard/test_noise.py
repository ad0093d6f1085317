import numpy as np

from models.truth.barnyard.noise import fractal, waves


def test_waves_have_unit_variance_and_follow_their_seed():
    points = np.random.default_rng(0).uniform(-20, 20, (20000, 3))
    field = waves(np.random.default_rng(1), 3.0)(points)
    assert abs(field.std() - 1) < 0.1
    assert np.array_equal(field, waves(np.random.default_rng(1), 3.0)(points))


def test_waves_change_little_over_a_small_step():
    points = np.random.default_rng(0).uniform(-2, 2, (500, 3))
    field = waves(np.random.default_rng(1), 2.0)
    assert np.abs(field(points + 1e-3) - field(points)).max() < 0.02


def test_fractal_tiles():
    picture = fractal(3)
    seam = np.abs(picture[0] - picture[-1]).mean()
    assert abs(picture.mean()) < 1e-3
    assert seam < 1.5 * np.abs(np.diff(picture, axis=0)).mean()
