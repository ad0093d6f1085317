"""The coat of an animal is cut into few charts: halves of trunk, head, tail and legs."""

import numpy as np
import pytest

from models.export.seams import divide_coat
from models.rendering.cutting import cut_charts
from models.rendering.flattening import lay_triangles, stretches
from models.rendering.texture import pack
from models.truth.barnyard.anatomy import body
from tests.models.export.farm_animals import rigged
from tests.models.rendering.overlaps import find_overlaps


def pieces(category: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces, and the piece of each face."""
    made, faces = rigged(category), body(category, 3).faces
    return made.landmarks.vertices, faces, divide_coat(made.landmarks.vertices, faces, made.armature, made.weights)


def test_a_flank_is_whole_from_back_to_belly() -> None:
    vertices, faces, piece = pieces("cow")
    made = rigged("cow").landmarks
    x, y, z = vertices[faces].mean(1).T
    between = (np.abs(z) < 0.15 * (made.fore - made.hind)) & (y > made.belly)
    np.testing.assert_array_equal(piece[between], x[between] > 0)
    before = piece[z > made.fore + 0.3 * made.withers]
    assert set(before.tolist()) <= {2, 3, 4, 5} and (before > 3).any()


def test_a_leg_has_an_outer_and_an_inner_half() -> None:
    vertices, faces, piece = pieces("cow")
    made = rigged("cow")
    middles = vertices[faces].mean(1)
    for number, limb in enumerate(made.armature.limbs, 4):
        shank = middles[:, 1] < 0.7 * made.landmarks.belly
        right, left = (middles[shank & (piece == 2 * number + side), 0] for side in (0, 1))
        axis = made.armature.heads[limb.hoof][0]
        assert right.mean() < axis < left.mean() and 0.4 < len(left) / (len(left) + len(right)) < 0.6


@pytest.mark.parametrize("category", ["sheep", "horse"])
def test_charts_are_few_hardly_stretched_and_none_lies_over_another(category: str) -> None:
    vertices, faces, piece = pieces(category)
    charts = cut_charts(vertices, faces, piece)
    triangles = lay_triangles(vertices, faces)
    area = triangles[:, 1, 0] * triangles[:, 2, 1]
    most, least = stretches(triangles, charts.flat, charts.faces)
    assert charts.chart.max() < 40
    assert area[(most < 1.5) & (least > 1 / 1.5)].sum() > 0.9 * area.sum()
    atlas = pack(charts, 512)
    corners = atlas.uv[atlas.faces]
    np.testing.assert_array_equal(atlas.source[atlas.faces], faces)
    assert not find_overlaps(corners).any()
    assert np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])).sum() / 2 > 0.55
