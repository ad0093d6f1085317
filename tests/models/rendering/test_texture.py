"""A baked texture shows every surface point the colour of the field."""

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from models.rendering.cutting import Charts, cut_charts
from models.rendering.reference import Reference
from models.rendering.texture import Atlas, bake, pack
from tests.models.rendering.overlaps import find_overlaps

SIZE = 128


@pytest.fixture(scope="module")
def ball() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=3)


@pytest.fixture(scope="module")
def atlas(ball: trimesh.Trimesh) -> Atlas:
    return pack(halves(ball), SIZE)


def halves(ball: trimesh.Trimesh) -> Charts:
    """Cut along its equator."""
    upper = ball.vertices[ball.faces].mean(1)[:, 1] > 0
    return cut_charts(ball.vertices, ball.faces, upper.astype(int))


def field(points: Tensor) -> Tensor:
    return 0.5 + 0.45 * points


def test_the_atlas_has_the_same_faces(ball: trimesh.Trimesh, atlas: Atlas) -> None:
    np.testing.assert_array_equal(atlas.source[atlas.faces], ball.faces)
    assert atlas.uv.min() >= 0
    assert atlas.uv.max() <= 1


def test_charts_do_not_overlap(atlas: Atlas) -> None:
    areas = np.abs(np.linalg.det(np.diff(atlas.uv[atlas.faces], axis=1))) / 2
    assert not find_overlaps(atlas.uv[atlas.faces]).any()
    assert areas.sum() > 0.45


def test_every_surface_point_finds_its_colour(ball: trimesh.Trimesh, atlas: Atlas) -> None:
    canonical = torch.tensor(ball.vertices, dtype=torch.float32)
    texture = bake(atlas, canonical, field, Reference(), SIZE)
    weights = np.random.default_rng(0).dirichlet(np.ones(3), len(ball.faces))
    uv = np.einsum("fc,fci->fi", weights, atlas.uv[atlas.faces])
    points = np.einsum("fc,fci->fi", weights, ball.vertices[ball.faces])
    column, row = np.minimum((uv * SIZE).astype(int), SIZE - 1).T
    wanted = 255 * field(torch.tensor(points)).numpy()
    assert np.abs(texture[row, column] - wanted).max() < 12
    assert np.abs(texture[row, column] - wanted).mean() < 2


def test_the_gaps_are_filled(ball: trimesh.Trimesh, atlas: Atlas) -> None:
    white = bake(atlas, torch.tensor(ball.vertices, dtype=torch.float32), torch.ones_like, Reference(), SIZE)
    assert (white == 255).all()


def test_a_mesh_without_area_is_refused() -> None:
    point = Atlas(np.zeros(3, np.int64), np.array([[0, 1, 2]]), np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="no texel"):
        bake(point, torch.zeros(1, 3), field, Reference(), 8)
