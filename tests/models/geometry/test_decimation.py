from collections import Counter

import numpy as np
import pytest
import trimesh

from models.geometry.decimation import decimate

BALL = trimesh.creation.icosphere(subdivisions=5)


def test_a_mesh_that_is_small_enough_stays_as_it_is():
    kept, faces = decimate(BALL.vertices, BALL.faces, len(BALL.faces))
    assert np.array_equal(kept, np.arange(len(BALL.vertices))) and faces is BALL.faces


@pytest.mark.parametrize("most", [300, 4000])
def test_a_large_one_keeps_its_shape_by_fewer_of_its_own_vertices(most):
    kept, faces = decimate(BALL.vertices, BALL.faces, most)
    assert most / 2 < len(faces) <= most and len(np.unique(kept)) == len(kept)
    fewer = trimesh.Trimesh(BALL.vertices[kept], faces, process=False)
    edges = Counter(map(tuple, fewer.edges.tolist()))
    assert edges == Counter({edge[::-1]: count for edge, count in edges.items()}), "it has a hole"
    assert fewer.volume == pytest.approx(BALL.volume, rel=0.1)
    outward = np.einsum("fi,fi->f", fewer.face_normals, fewer.triangles_center)
    assert (outward > 0).mean() > 0.99, "faces were turned over"


def test_no_face_comes_twice_and_none_is_a_line():
    _, faces = decimate(BALL.vertices, BALL.faces, 300)
    assert len(np.unique(np.sort(faces), axis=0)) == len(faces) and all(len(set(face)) == 3 for face in faces)


def test_a_mesh_without_area_is_refused():
    with pytest.raises(ValueError, match="its 4 faces have no area"):
        decimate(np.zeros((3, 3)), np.tile([0, 1, 2], (4, 1)), 2)


def test_a_fold_of_the_texture_is_not_smoothed_away():
    """A flat grid whose texture is folded along its middle keeps all of its faces on their side of the fold."""
    grid = np.stack(np.meshgrid(np.arange(21.0), np.arange(21.0), indexing="ij"), -1).reshape(-1, 2)
    quads = np.array(
        [(i * 21 + j, i * 21 + 21 + j, i * 21 + 22 + j, i * 21 + j + 1) for i in range(20) for j in range(20)]
    )
    faces = np.concatenate((quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]))
    folded = np.c_[np.abs(grid[:, 0] - 10), grid[:, 1]]
    kept, fewer = decimate(np.c_[grid, np.zeros(len(grid))], faces, 300, folded)
    assert len(fewer) <= 300
    across = grid[kept][fewer][..., 0] - 10
    assert not ((across.min(1) < 0) & (across.max(1) > 0)).any()
