"""What can lie flat without stretching does so, and what is curved is neither torn nor turned over."""

import numpy as np
import trimesh

from models.rendering.flattening import _unfold, border, flatten, lay_triangles, stretches


def grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (u, v) row by row, and the faces between them."""
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    first = (np.arange(height - 1)[:, None] * width + np.arange(width - 1)).reshape(-1)
    faces = np.concatenate(
        (np.stack((first, first + 1, first + width), 1), np.stack((first + 1, first + width + 1, first + width), 1))
    )
    return np.stack((u, v), -1).reshape(-1, 2).astype(float), faces


def test_a_slit_tube_lies_flat_without_stretching() -> None:
    points, faces = grid(25, 9)
    angle = 2 * np.pi * points[:, 0] / 25
    tube = np.stack((np.cos(angle), np.sin(angle), 0.3 * points[:, 1]), -1)
    flat = flatten(tube, faces)
    most, least = stretches(lay_triangles(tube, faces), flat, faces)
    assert most.max() < 1.01 and least.min() > 0.99


def test_half_a_ball_is_not_turned_over_and_keeps_its_area() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    half = ball.submesh([ball.vertices[ball.faces].mean(1)[:, 1] > 0], append=True)
    vertices, faces = np.asarray(half.vertices), np.asarray(half.faces)
    triangles = lay_triangles(vertices, faces)
    flat = flatten(vertices, faces)
    most, least = stretches(triangles, flat, faces)
    assert least.min() > 0.5 and most.max() < 2
    corners = flat[faces]
    area = np.linalg.det(np.stack((corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), 1)) / 2
    assert area.min() > 0
    np.testing.assert_allclose(area.sum(), half.area, rtol=0.1)


def test_a_turned_face_has_a_stretch_below_zero() -> None:
    points, faces = grid(2, 2)
    triangles = lay_triangles(np.c_[points, np.zeros(4)], faces)
    most, least = stretches(triangles, points * (2, -1), faces)
    np.testing.assert_allclose(most, 2)
    np.testing.assert_allclose(least, -1)


def test_the_border_is_what_one_face_alone_has() -> None:
    _, faces = grid(3, 3)
    assert set(border(faces).reshape(-1).tolist()) == set(range(9)) - {4}
    assert len(border(faces)) == 8


def test_a_fold_is_smoothed_away_and_the_border_stays() -> None:
    points, faces = grid(7, 7)
    triangles = lay_triangles(np.c_[points, np.zeros(49)], faces)
    folded = points.copy()
    folded[24] += (1.7, 0.4)
    assert stretches(triangles, folded, faces)[1].min() < 0
    flat = _unfold(folded, faces, triangles)
    assert stretches(triangles, flat, faces)[1].min() > 0
    rim = np.unique(border(faces))
    np.testing.assert_array_equal(flat[rim], points[rim])
