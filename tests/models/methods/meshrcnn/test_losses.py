import pytest
import torch
import trimesh

from models.methods.meshrcnn.losses import depth_loss, direction_loss, edge_loss, surface_losses, voxel_loss
from tests.models.geometry.test_mesh_batch import joined

RANDOM = torch.Generator().manual_seed(0)
CLOUD = torch.randn(2, 40, 3, generator=RANDOM)
NORMALS = torch.nn.functional.normalize(torch.randn(2, 40, 3, generator=RANDOM), dim=-1)


def test_equal_clouds_are_no_distance_apart_and_their_normals_agree():
    chamfer, normal = surface_losses(CLOUD, NORMALS, CLOUD, -NORMALS)
    assert chamfer == 0 and float(normal) == pytest.approx(-2, abs=1e-5)


def test_the_distance_is_squared_and_counts_both_ways():
    one, far = torch.zeros(1, 1, 3), torch.tensor([[[0.0, 0, 0], [2.0, 0, 0]]])
    up = torch.tensor([[[0.0, 1, 0]]])
    chamfer, normal = surface_losses(one, up, far, torch.tensor([[[0.0, 1, 0], [1.0, 0, 0]]]))
    assert chamfer == 0 + (0 + 4) / 2 and normal == -(1 + 0.5)


def test_points_follow_the_gradient_to_the_other_cloud():
    points = (CLOUD + 0.3).requires_grad_()
    surface_losses(points, NORMALS, CLOUD, NORMALS)[0].backward()
    moved = points.detach() - points.grad
    assert surface_losses(moved, NORMALS, CLOUD, NORMALS)[0] < surface_losses(points, NORMALS, CLOUD, NORMALS)[0]


def test_edges_count_by_their_square():
    cube = trimesh.creation.box((1, 1, 1))
    assert edge_loss(joined(cube)) == pytest.approx((12 * 1 + 6 * 2) / 18)
    assert edge_loss(joined(cube, cube.copy().apply_scale(2))) == pytest.approx(2.5 * 24 / 18)


def test_occupancy_depth_and_direction_are_best_at_the_truth():
    occupied = torch.rand(2, 4, 4, 4, generator=RANDOM) < 0.3
    right = 20.0 * occupied - 10
    assert voxel_loss(right, occupied) < 1e-3 < voxel_loss(-right, occupied)
    known = torch.tensor((1.0, 2.0))
    assert depth_loss(known, known) == 0 and depth_loss(2 * known, known) == pytest.approx(depth_loss(known / 2, known))
    ahead = torch.tensor([[0.0, 0, 1]])
    assert direction_loss(ahead, ahead) == 0 and direction_loss(-ahead, ahead) == 2
