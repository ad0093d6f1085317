from math import cos, radians

import numpy as np
import pytest
import torch
import trimesh

from models.geometry.mesh import Mesh, adjacency, face_normals, vertex_normals


@pytest.fixture
def ball():
    sphere = trimesh.creation.icosphere(3)
    return Mesh(torch.tensor(np.array(sphere.vertices)).expand(2, -1, -1), torch.tensor(np.array(sphere.faces)))


def test_vertex_normals_of_a_sphere_point_outwards(ball):
    normals = vertex_normals(ball)
    assert (normals * ball.vertices).sum(-1).min() > cos(radians(1.5))
    assert torch.allclose(normals.norm(dim=-1), torch.ones(1).double())


def test_face_normals_agree_with_trimesh_and_sum_to_zero(ball):
    stretched = Mesh(ball.vertices * torch.tensor([1.0, 2, 0.5]), ball.faces)
    theirs = trimesh.Trimesh(stretched.vertices[0].numpy(), ball.faces.numpy(), process=False)
    ours = face_normals(stretched)[0].numpy()
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1) / 2, theirs.area_faces)
    np.testing.assert_allclose(ours / np.linalg.norm(ours, axis=1, keepdims=True), theirs.face_normals, atol=1e-9)
    np.testing.assert_allclose(ours.sum(0), 0, atol=1e-9)


def test_normals_turn_with_the_mesh_and_ignore_shift_and_scale(ball):
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    moved = Mesh(3 * ball.vertices @ turn.mT + 5, ball.faces)
    assert torch.allclose(vertex_normals(moved), vertex_normals(ball) @ turn.mT, atol=1e-6)


def test_large_faces_weigh_more():
    """A vertex between a large face that looks along z and a small one that looks along x."""
    vertices = torch.tensor([[[0.0, 0, 0], [0, 2, 0], [-2, 0, 0], [0, 0, -1]]])
    normal = vertex_normals(Mesh(vertices, torch.tensor([[0, 1, 2], [0, 3, 1]])))[0, 0]
    assert torch.allclose(normal, torch.tensor([2.0, 0, 4]) / 20**0.5)


@pytest.mark.parametrize("corners", [[0, 0, 0], [0, 1, 1], [0, 1, 2]])
def test_empty_faces_have_finite_normals_and_gradients(corners):
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 9, 9]]], requires_grad=True)
    normals = vertex_normals(Mesh(vertices, torch.tensor([corners])))
    normals.sum().backward()
    assert normals.isfinite().all()
    assert vertices.grad.isfinite().all()
    assert (normals[0, 3] == 0).all()


def test_the_length_is_the_batch(ball):
    assert len(ball) == 2


def test_neighbours_are_those_that_trimesh_finds(ball):
    sphere = trimesh.Trimesh(ball.vertices[0].numpy(), ball.faces.numpy(), process=False)
    neighbours = adjacency(ball.faces.numpy(), len(sphere.vertices)).toarray()
    first, second = sphere.edges_unique.T
    wanted = np.zeros_like(neighbours)
    wanted[first, second] = wanted[second, first] = 1
    np.testing.assert_array_equal(neighbours, wanted)
