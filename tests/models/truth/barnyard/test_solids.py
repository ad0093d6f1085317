import numpy as np
import pytest

from models.truth.barnyard.solids import Shape, Solid, chain, half_mesh, mirror_mesh, smooth_minimum


def ball(radius: float = 1.0, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Solid:
    at = np.asarray(centre, np.float32)
    return Solid("torso", 0, at, at, (radius, radius))


def test_a_point_cone_is_a_sphere():
    points = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    assert np.allclose(ball().distance(points), np.linalg.norm(points, axis=-1) - 1, atol=1e-5)


def test_a_squashed_solid_is_thinner_along_its_normal():
    solid = chain("ear", 0, [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0)], [0.5, 0.5], Shape(squash=0.5))[0]
    assert np.allclose(solid.distance(np.array([(0.25, 0.5, 0.0), (0.0, 0.5, 0.5)])), 0, atol=1e-6)


def test_smooth_minimum_is_the_minimum_away_from_the_seam_and_never_above_it():
    a, b = np.random.default_rng(0).normal(size=(2, 1000))
    smooth = smooth_minimum(a, b, 0.3)
    apart = np.abs(a - b) > 0.3
    assert np.array_equal(smooth[apart], np.minimum(a, b)[apart])
    assert (smooth <= np.minimum(a, b)).all()


def test_the_mirrored_mesh_is_a_closed_symmetric_sphere():
    vertices, faces, partner = mirror_mesh(*half_mesh([ball()], 0.1, lambda points: points[..., 0]))
    assert np.allclose(np.linalg.norm(vertices, axis=-1), 1, atol=0.02)
    assert np.array_equal(vertices[partner], vertices * np.float32((-1, 1, 1)))
    edges = np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, ::2])), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    volume = (np.cross(a, b) * c).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.03)


def test_two_near_balls_melt_into_one_surface():
    vertices, _ = half_mesh([ball(0.5, (0, -0.52, 0)), ball(0.5, (0, 0.52, 0))], 0.05, lambda points: points[..., 0])
    assert np.linalg.norm(vertices, axis=-1).min() < 0.35
