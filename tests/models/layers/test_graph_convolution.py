import pytest
import torch
import trimesh

from models.layers.graph_convolution import GraphConvolution, align_vertices
from tests.models.geometry.test_mesh_batch import joined


def test_a_vertex_hears_of_itself_and_of_the_sum_of_its_neighbours():
    layer, features = GraphConvolution(2, 3), torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    edges = torch.tensor([[0, 1], [0, 2]])
    neighbours = torch.tensor([[0.0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    wanted = features @ layer.own.weight.T + layer.own.bias + neighbours @ features @ layer.neighbours.weight.T
    assert torch.allclose(layer(features, edges), wanted.relu(), atol=1e-6)


def test_features_of_many_layers_neither_vanish_nor_explode():
    torch.manual_seed(0)
    meshes = joined(trimesh.creation.icosphere(subdivisions=2))
    features = torch.randn(len(meshes.vertices), 64)
    for _ in range(9):
        features = GraphConvolution(64, 64)(features, meshes.edges())
    assert 1e-3 < features.std() < 1e3


def test_vertices_read_the_map_of_their_own_picture_where_they_are_seen():
    meshes = joined(trimesh.creation.box(), None, trimesh.creation.icosphere(subdivisions=1))
    ndc = 0.7 * torch.rand(len(meshes.vertices), 2, generator=torch.Generator().manual_seed(0)) - 0.2
    rows, columns = torch.meshgrid(*[(2 * torch.arange(8.0) + 1) / 8 - 1] * 2, indexing="ij")
    maps = torch.stack([torch.stack((columns, rows, torch.full((8, 8), float(number)))) for number in range(3)])
    read = align_vertices(maps, meshes, ndc)
    assert torch.allclose(read[:, :2], ndc, atol=1e-6), "a map of coordinates says where it was read"
    assert torch.equal(read[:, 2], meshes.row.float())
    beyond = align_vertices(maps, meshes, torch.full_like(ndc, 3.0))
    assert beyond[:, 0].max() == pytest.approx(7 / 8)


def test_without_vertices_there_is_nothing_to_read():
    assert align_vertices(torch.rand(2, 5, 4, 4), joined(None, None), torch.zeros(0, 2)).shape == (0, 5)
