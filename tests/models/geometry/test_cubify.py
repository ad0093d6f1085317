import numpy as np
import pytest
import torch
import trimesh
from trimesh.voxel.ops import multibox

from models.geometry.cubify import cubify, join_diagonals


def grid(*places, size=4):
    occupied = torch.zeros(1, size, size, size, dtype=torch.bool)
    for place in places:
        occupied[(0, *place)] = True
    return occupied


def solid(mesh):
    return trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False)


@pytest.mark.parametrize(
    ("places", "vertices", "faces"),
    [([(0, 0, 0)], 8, 12), ([(1, 1, 1), (2, 1, 1)], 12, 20), ([(3, 3, 2), (3, 3, 3)], 12, 20)],
)
def test_shared_vertices_are_merged_and_inner_faces_left_out(places, vertices, faces):
    meshes = cubify(grid(*places))
    assert (len(meshes.vertices), len(meshes.faces)) == (vertices, faces)
    mesh = solid(meshes.mesh(0))
    assert mesh.is_watertight and mesh.volume == pytest.approx(len(places))
    assert np.array_equal(mesh.bounds, [np.min(places, 0), np.max(places, 0) + 1])


def test_meshes_are_closed_and_hold_their_voxels_whatever_the_grid():
    random = torch.rand(6, 7, 8, 9, generator=torch.Generator().manual_seed(0))
    occupied = random < torch.tensor((0.05, 0.15, 0.3, 0.5, 0.8, 1.1))[:, None, None, None]
    meshes, joined = cubify(occupied), join_diagonals(occupied)
    for row, voxels in enumerate(joined.numpy()):
        mesh = solid(meshes.mesh(row))
        assert mesh.is_watertight and mesh.is_winding_consistent
        assert mesh.volume == pytest.approx(voxels.sum())
        # Independent: cubes of trimesh, less the faces that two of them share.
        shared = sum(
            np.count_nonzero(voxels.take(range(1, size), axis) & voxels.take(range(size - 1), axis))
            for axis, size in enumerate(voxels.shape)
        )
        assert mesh.area == pytest.approx(multibox(np.argwhere(voxels) + 0.5).area - 2 * shared)


def test_an_empty_grid_is_an_empty_mesh():
    meshes = cubify(torch.cat((grid(), grid((1, 1, 1)), grid())))
    assert meshes.is_empty().tolist() == [True, False, True] and meshes.mesh(0) is None
    assert len(cubify(grid()).vertices) == 0


def test_voxels_that_touch_along_an_edge_are_joined_and_others_left():
    for other in ((2, 2, 1), (2, 1, 2), (1, 2, 2), (2, 0, 1)):
        touching = grid((1, 1, 1), other)
        assert join_diagonals(touching).sum() == 4
        assert solid(cubify(touching).mesh(0)).is_watertight
    for other in ((1, 1, 2), (2, 2, 2), (3, 3, 1), (1, 1, 3)):
        assert join_diagonals(grid((1, 1, 1), other)).sum() == 2
