import pytest
import torch
import trimesh

from models.geometry.mesh_batch import MeshBatch, sample_surfaces


def joined(*shapes):
    """Meshes one after the other; None is an empty one."""
    vertices, faces, rows, first = [torch.zeros(0, 3)], [torch.zeros(0, 3, dtype=torch.long)], [], 0
    for row, shape in enumerate(shapes):
        if shape is None:
            continue
        vertices.append(torch.tensor(shape.vertices).float())
        faces.append(torch.tensor(shape.faces) + first)
        rows += [row] * len(shape.vertices)
        first += len(shape.vertices)
    return MeshBatch(torch.cat(vertices), torch.cat(faces), torch.tensor(rows, dtype=torch.long), len(shapes))


def box(*sides):
    return trimesh.creation.box(sides)


def draw(meshes, count, seed=0):
    return sample_surfaces(meshes, count, torch.Generator().manual_seed(seed))


def test_each_mesh_comes_back_as_it_was_put_in():
    ball = trimesh.creation.icosphere(subdivisions=1)
    meshes = joined(box(1, 2, 3), None, ball)
    assert len(meshes) == 3 and meshes.is_empty().tolist() == [False, True, False] and meshes.mesh(1) is None
    assert meshes.vertex_counts().tolist() == [8, 0, len(ball.vertices)]
    assert meshes.face_counts().tolist() == [12, 0, len(ball.faces)]
    one = meshes.mesh(2)
    assert torch.equal(one.faces, torch.tensor(ball.faces)) and torch.equal(
        one.vertices[0], torch.tensor(ball.vertices).float()
    )
    assert torch.equal(meshes.with_vertices(2 * meshes.vertices).mesh(2).vertices, 2 * one.vertices)


def test_every_edge_is_counted_once():
    shapes = box(1, 1, 1), trimesh.creation.icosphere(subdivisions=2)
    edges = joined(*shapes).edges()
    assert len(edges) == sum(len(shape.edges_unique) for shape in shapes)
    assert len({tuple(edge) for edge in edges.tolist()}) == len(edges) and (edges[:, 0] < edges[:, 1]).all()
    assert {tuple(edge) for edge in edges[edges[:, 1] < 8].tolist()} == {tuple(e) for e in shapes[0].edges_unique}


def test_points_lie_on_their_own_surface_evenly_over_its_area():
    points, normals = draw(joined(box(2, 2, 6), box(1, 1, 1)), 20_000)
    for cloud, sides in zip(points, ((2, 2, 6), (1, 1, 1)), strict=True):
        assert ((cloud.abs() * 2 / torch.tensor(sides)).amax(1) - 1).abs().max() < 1e-5
    ends = (points[0, :, 2].abs() > 3 - 1e-5).float().mean()
    assert ends == pytest.approx(8 / 56, abs=0.01), "two ends of 4 beside four sides of 12"
    assert points[0].mean(0).abs().max() < 0.03, "no side is preferred, and no corner of a triangle"
    along = normals[0][points[0, :, 2] > 3 - 1e-5]
    assert torch.allclose(along, torch.tensor((0.0, 0.0, 1.0)).expand_as(along), atol=1e-6)


def test_points_depend_on_the_generator_alone_and_carry_gradient():
    meshes = joined(box(1, 2, 3))
    assert torch.equal(draw(meshes, 10)[0], draw(meshes, 10)[0])
    assert not torch.equal(draw(meshes, 10)[0], draw(meshes, 10, seed=1)[0])
    vertices = meshes.vertices.clone().requires_grad_()
    draw(meshes.with_vertices(vertices), 50)[0].sum().backward()
    assert vertices.grad.sum() == pytest.approx(150), "weights of the corners sum to 1"


def test_an_empty_mesh_has_no_points():
    with pytest.raises(ValueError, match="mesh 1 of the batch is empty; leave it out"):
        draw(joined(box(1, 1, 1), None), 10)
