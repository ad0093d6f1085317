import pytest
import torch
import trimesh

from models.geometry.uv_sphere import map_places, middles, mirror_maps, read_map, uv_sphere

SPHERE = uv_sphere(16)
RANDOM = torch.Generator().manual_seed(0)


def solid(vertices):
    return trimesh.Trimesh(vertices.numpy(), SPHERE.faces.numpy(), process=False)


def test_the_template_is_a_closed_unit_sphere_that_looks_outward():
    mesh = solid(SPHERE.points)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume == pytest.approx(4.19, rel=0.05)
    assert torch.allclose(SPHERE.points.norm(dim=1), torch.ones(16 * 16 + 2))
    assert torch.allclose(torch.linalg.det(SPHERE.frames), torch.ones(16 * 16 + 2), atol=1e-5)
    assert torch.equal(SPHERE.points[-2:], torch.tensor([[0.0, 0, 1], [0, 0, -1]])), "head and tail"


def test_maps_and_surfaces_are_each_other():
    maps = torch.randn(2, 3, 16, 16, generator=RANDOM)
    assert torch.allclose(SPHERE.displacement(SPHERE.vertices(maps)), maps, atol=1e-5)
    outward = torch.zeros(1, 3, 16, 16)
    outward[:, 0] = 1.0
    moved = SPHERE.vertices(outward)[0]
    assert torch.allclose(moved[:-2], 2 * SPHERE.points[:-2])
    assert torch.allclose(moved[-2], moved[:16].mean(0)), "poles are the means of their rings"


def test_columns_go_from_the_back_over_the_left_to_the_belly_and_rows_from_head_to_tail():
    grid = SPHERE.points[:-2].view(16, 16, 3)
    assert (grid[:, 0, 1] > 0).all() and (grid[:, 8, 1] < 0).all() and (grid[:, 4, 0] > 0).all()
    assert (grid[:-1, :, 2] > grid[1:, :, 2]).all()
    tangent, bitangent = SPHERE.frames[:-2, 1].view(16, 16, 3), SPHERE.frames[:-2, 2].view(16, 16, 3)
    assert ((grid.roll(-1, 1) - grid) * tangent).sum(-1).min() > 0
    assert ((grid[1:] - grid[:-1]) * bitangent[:-1]).sum(-1).min() > 0


def test_a_map_is_read_where_its_texels_lie_and_round_the_seam():
    maps = torch.rand(2, 4, 16, 16, generator=RANDOM)
    places = map_places(3 * SPHERE.points[:-2])
    image = torch.ones(len(places), dtype=torch.long)
    assert torch.allclose(read_map(maps, places, image), maps[1].flatten(1).T, atol=1e-4)
    seam = torch.tensor([[0.0, 0.5 / 16], [1.0, 0.5 / 16]])
    wanted = (maps[0, :, 0, 0] + maps[0, :, 0, -1]) / 2
    assert torch.allclose(read_map(maps, seam, image[:2] * 0), wanted.expand(2, 4), atol=1e-5)
    beyond = read_map(maps, torch.tensor([[0.5 / 16, 0.0], [0.5 / 16, 1.0]]), image[:2] * 0)
    assert torch.allclose(beyond, maps[0, :, [0, -1], 0].T, atol=1e-5), "rows end at the poles"


def test_places_have_finite_gradients_at_the_poles():
    points = torch.tensor([[0.0, 0, 1], [0, 0, -1], [1e-9, 0, 1]], requires_grad=True)
    map_places(points).sum().backward()
    assert points.grad.isfinite().all()


def test_a_mirrored_map_is_the_mirrored_surface():
    maps = torch.randn(1, 3, 16, 16, generator=RANDOM)
    mirrored = SPHERE.vertices(mirror_maps(maps))[0, :-2].view(16, 16, 3)
    there = SPHERE.vertices(maps)[0, :-2].view(16, 16, 3).flip(1) * torch.tensor((-1.0, 1, 1))
    assert torch.allclose(mirrored, there, atol=1e-5)
    assert middles(4).tolist() == [0.125, 0.375, 0.625, 0.875]
