"""Charts are few, lie flat, and no face of one lies over another."""

import numpy as np
import pytest
import trimesh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.rendering.cutting import FEWEST, Charts, cut_charts, find_folds
from models.rendering.flattening import lay_triangles
from tests.models.rendering.overlaps import find_overlaps


def count(charts: Charts) -> int:
    """Groups of faces that share corners."""
    faces = charts.faces
    ends = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]]))
    joined = coo_array((np.ones(len(ends)), ends.T), shape=(len(charts.source),) * 2)
    return int(connected_components(joined, directed=False)[0])


def cut(mesh: trimesh.Trimesh, piece: np.ndarray | None = None) -> Charts:
    piece = np.zeros(len(mesh.faces), int) if piece is None else piece
    return cut_charts(np.asarray(mesh.vertices), np.asarray(mesh.faces), piece)


def northern(ball: trimesh.Trimesh) -> np.ndarray:
    return (ball.vertices[ball.faces].mean(1)[:, 1] > 0).astype(int)


def strip(turn: float) -> tuple[np.ndarray, Charts]:
    """A spiral band of so many radians in space, and the same laid flat, over itself or not."""
    angle = np.linspace(0, turn, 80)
    circle = np.stack((np.cos(angle), np.sin(angle)), -1)
    rims = [(least + 0.01 * angle)[:, None] * circle for least in (1, 1.2)]
    flat, first = np.concatenate(rims), np.arange(79)
    inner, outer = first, first + 80
    faces = np.concatenate((np.stack((inner, outer, inner + 1), 1), np.stack((inner + 1, outer, outer + 1), 1)))
    return np.c_[flat, np.r_[angle, angle]], Charts(np.arange(160), faces, flat, np.zeros(158, int))


def test_a_piece_is_a_chart_and_every_face_stays_where_it_was() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    charts = cut(ball, northern(ball))
    assert count(charts) == charts.chart.max() + 1 == 2
    np.testing.assert_array_equal(charts.source[charts.faces], ball.faces)


@pytest.mark.parametrize("mesh", [trimesh.creation.icosphere(subdivisions=3), trimesh.creation.torus(2, 0.6)])
def test_a_closed_surface_is_cut_until_nothing_lies_over_anything(mesh: trimesh.Trimesh) -> None:
    charts = cut(mesh)
    assert 2 <= count(charts) <= 40
    np.testing.assert_array_equal(charts.source[charts.faces], mesh.faces)
    for number in range(count(charts)):
        assert not find_overlaps(charts.flat[charts.faces[charts.chart == number]]).any()


def test_crumbs_go_to_their_neighbour() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    piece = northern(ball)
    piece[np.flatnonzero(piece)[: FEWEST // 4]] = 7
    assert count(cut(ball, piece)) == 2


def test_a_border_that_crosses_itself_is_found() -> None:
    for turn, crosses in ((6, False), (8, True)):
        vertices, charts = strip(turn)
        assert find_folds(charts, lay_triangles(vertices, charts.faces)).any() == crosses
        assert find_overlaps(charts.flat[charts.faces]).any() == crosses


def test_faces_without_area_are_refused() -> None:
    with pytest.raises(ValueError, match="its 1 faces have no area"):
        cut_charts(np.zeros((3, 3)), np.array([(0, 1, 2)]), np.zeros(1, int))
