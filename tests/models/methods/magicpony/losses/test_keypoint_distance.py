import pytest
import torch

from models.data.batch import Batch
from models.data.ground_truth import Truth
from models.geometry.cameras import look_at
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses.keypoint_distance import DEPTH, keypoint_distance

CAMERA = look_at(torch.tensor([0.3]), torch.tensor([0.1]))
VERTICES = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, -1.0, -1.0]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def batch(points):
    pixels = torch.zeros(1, 4, 4)
    truth = None
    if points is not None:
        truth = Truth(torch.zeros(1, 3), points, points, torch.zeros(1, 4), torch.arange(points.shape[1]))
    return Batch(
        pixels[..., None].expand(1, 4, 4, 3),
        pixels,
        pixels,
        None,
        torch.tensor([-1]),
        torch.tensor([0]),
        None,
        None,
        truth,
    )


def known(points):
    return torch.cat((CAMERA.project(points), CAMERA.relative_depth(points)[..., None]), -1)


def test_markers_on_their_keypoints_have_no_error():
    markers = VERTICES[[0, 3]]
    true = known(markers[None])
    assert keypoint_distance(markers, VERTICES, Mesh(VERTICES[None], FACES), CAMERA, batch(true)) < 2e-3


def test_the_error_is_the_distance_in_the_picture():
    markers = VERTICES[[1]]
    true = known(markers[None]) + torch.tensor([0.3, 0.4, 0.0])
    assert keypoint_distance(
        markers, VERTICES, Mesh(VERTICES[None], FACES), CAMERA, batch(true)
    ).item() == pytest.approx(0.5, abs=1e-3)


def test_depth_counts_too():
    markers = VERTICES[[0, 3]]
    deeper = known(markers[None]) + torch.tensor([[0.0, 0.0, 0.2], [0.0, 0.0, -0.2]])
    error = keypoint_distance(markers, VERTICES, Mesh(VERTICES[None], FACES), CAMERA, batch(deeper))
    assert error.item() == pytest.approx(DEPTH * 0.2, abs=2e-3)


def test_a_marker_follows_its_vertices_into_the_pose():
    posed = VERTICES + torch.tensor([0.0, 0.2, -0.3])
    true = known(posed[[2]][None])
    assert keypoint_distance(VERTICES[[2]], VERTICES, Mesh(posed[None], FACES), CAMERA, batch(true)) < 2e-3


def test_a_marker_beyond_a_tip_follows_the_tip():
    beyond = VERTICES[[3]] * 1.2
    true = known(VERTICES[[3]][None])
    assert keypoint_distance(beyond, VERTICES, Mesh(VERTICES[None], FACES), CAMERA, batch(true)) < 2e-3


def test_descent_brings_a_marker_to_its_keypoint():
    grid = torch.cartesian_prod(torch.zeros(1), torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 40))
    marker = grid[410:411].clone().requires_grad_()
    true = known(grid[1203][None, None])
    optimizer = torch.optim.Adam([marker], 0.02)
    for _ in range(200):
        error = keypoint_distance(marker, grid, Mesh(grid[None], FACES), CAMERA, batch(true))
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert error < 0.02


def test_photos_without_truth_are_refused():
    with pytest.raises(ValueError, match=r"batch\.truth is None"):
        keypoint_distance(VERTICES[:1], VERTICES, Mesh(VERTICES[None], FACES), CAMERA, batch(None))
