from dataclasses import replace
from math import atan, pi, radians, tan

import pytest
import torch
from torch.nn.functional import normalize

from models.geometry.cameras import (
    DISTANCE,
    FAR,
    FOV,
    NEAR,
    OrthographicCamera,
    PerspectiveCamera,
    WeakPerspectiveCamera,
    from_pose,
    look_at,
    view_word,
)

HALF = 2.0


def three(azimuth, elevation, distance=DISTANCE):
    """The same views through the three kinds of lens; a plane through the origin is equally large in all of them."""
    pinhole = replace(look_at(azimuth, elevation, distance), fov=2 * atan(HALF / distance))
    scale, shift = torch.full_like(azimuth, 1 / HALF), azimuth.new_zeros(len(azimuth), 2)
    T = pinhole.T_camera_world
    return pinhole, WeakPerspectiveCamera(T, scale, shift), OrthographicCamera(T, HALF)


@pytest.fixture
def points():
    return torch.rand(50, 20, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 2 - 1


@pytest.fixture
def directions():
    generator = torch.Generator().manual_seed(0)
    azimuth = (torch.rand(50, generator=generator) * 2 - 1) * pi
    return azimuth, (torch.rand(50, generator=generator) * 2 - 1) * radians(80)


def test_look_at_round_trips_azimuth_elevation_and_place(directions):
    azimuth, elevation = directions
    camera = look_at(azimuth, elevation, 7.0)
    assert torch.allclose(camera.azimuth, azimuth, atol=1e-5)
    assert torch.allclose(camera.elevation, elevation, atol=1e-5)
    place = torch.stack((elevation.cos() * azimuth.sin(), elevation.sin(), elevation.cos() * azimuth.cos()), -1) * 7
    assert torch.allclose(camera.position, place, atol=1e-5)


def test_cameras_are_right_handed_rotations(directions):
    forward = normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)), dim=-1)
    for camera in (look_at(*directions), from_pose(forward, torch.zeros(50, 3))):
        R = camera.T_camera_world[:, :3, :3]
        assert torch.allclose(R @ R.mT, torch.eye(3).expand(50, 3, 3), atol=1e-5)
        assert torch.allclose(torch.linalg.det(R), torch.ones(50), atol=1e-5)


def test_the_target_is_in_the_middle_and_the_axes_are_upright(directions):
    azimuth, elevation = directions
    target = torch.tensor([0.3, -0.5, 0.8]).expand(50, 3)
    camera = look_at(azimuth, elevation, 10.0, target)
    middle = camera.project(target[:, None])
    assert middle.abs().max() < 1e-5
    above = camera.project(target[:, None] + torch.tensor([0.0, 0.1, 0]))
    assert above[..., 0].abs().max() < 1e-5
    assert (above[..., 1] < 0).all()


def test_the_head_is_seen_from_azimuth_0_and_the_left_flank_from_a_right_angle():
    camera = look_at(torch.tensor([0.0, pi / 2, pi]), torch.zeros(3))
    head = camera.to_camera(torch.tensor([[[0.0, 0, 1]]]).expand(3, 1, 3))[:, 0]
    assert torch.allclose(head, torch.tensor([[0.0, 0, -9], [-1, 0, -10], [0, 0, -11]]), atol=1e-5)
    assert [view_word(a) for a in camera.azimuth.tolist()] == ["front", "side", "back"]


def test_half_the_view_at_the_object_is_tan_12_5_degrees_times_the_distance():
    edge = tan(FOV / 2) * DISTANCE
    assert edge == pytest.approx(2.217, abs=1e-3)
    corner = torch.tensor([[[edge, edge, 0.0]]])
    assert torch.allclose(look_at(torch.zeros(1), torch.zeros(1)).project(corner), torch.tensor([[[1.0, -1.0]]]))


def test_depth_runs_from_minus_1_at_the_near_plane_to_1_at_the_far_plane():
    camera = look_at(torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    points = torch.tensor([[[0, 0, 10 - NEAR], [0, 0, 0], [0, 0, 10 - FAR]]], dtype=torch.float64)
    clip = camera.to_clip(points)[0]
    ndc = clip[:, 2] / clip[:, 3]
    assert ndc[[0, 2]].tolist() == pytest.approx([-1, 1])
    assert -1 < ndc[1] < 1
    assert clip[:, 3].tolist() == pytest.approx([NEAR, 10, FAR])


def test_a_pose_that_faces_the_viewer_is_the_camera_in_front_of_the_head():
    posed = from_pose(torch.tensor([[0.0, 0, 1]]), torch.zeros(1, 3))
    assert torch.allclose(posed.T_camera_world, look_at(torch.zeros(1), torch.zeros(1)).T_camera_world)


def test_forward_is_the_body_axis_in_the_camera_frame_and_the_shift_is_in_camera_axes():
    forward = normalize(torch.tensor([[0.5, 0.2, -0.3]]), dim=-1)
    shift = torch.tensor([[0.3, -0.2, 0.7]])
    camera = from_pose(forward, shift)
    tail, head = camera.to_camera(torch.tensor([[[0.0, 0, 0], [0, 0, 1]]]))[0]
    assert torch.allclose(head - tail, forward[0], atol=1e-6)
    assert torch.allclose(tail, shift[0] - torch.tensor([0, 0, DISTANCE]), atol=1e-6)


def test_a_pose_has_the_azimuth_of_its_forward_vector():
    """The body axis seen to the right of the viewer's line means the camera stands to the animal's right."""
    azimuth = torch.linspace(-3, 3, 13)
    forward = torch.stack((-azimuth.sin(), torch.zeros(13), azimuth.cos()), -1)
    assert torch.allclose(from_pose(forward, torch.zeros(13, 3)).azimuth, azimuth, atol=1e-5)


@pytest.mark.parametrize("sign", [-1, 1])
def test_looking_straight_down_or_up_stays_a_camera_with_finite_gradient(sign):
    elevation = torch.tensor([sign * pi / 2], requires_grad=True)
    camera = look_at(torch.tensor([0.4]), elevation)
    assert camera.T_camera_world.isfinite().all()
    assert camera.elevation.abs().item() == pytest.approx(radians(89), abs=1e-3)
    camera.T_camera_world.sum().backward()
    assert elevation.grad.isfinite().all()


def test_the_view_words_part_at_45_degrees_and_wrap_around():
    for degrees, word in ((44, "front"), (-44, "front"), (46, "side"), (134, "side"), (136, "back"), (-136, "back")):
        assert view_word(radians(degrees)) == word
        assert view_word(radians(degrees + 360)) == word


def test_cameras_are_indexed_like_tensors(directions):
    camera = replace(look_at(*directions), fov=0.5)
    some = camera[torch.tensor([3, 1])]
    assert isinstance(some, PerspectiveCamera)
    assert (len(camera), len(some), some.fov) == (50, 2, 0.5)
    assert torch.equal(some.T_camera_world[0], camera.T_camera_world[3])


def test_relative_depth_is_depth_in_the_unit_of_the_picture():
    camera = look_at(torch.tensor([0.7]), torch.tensor([0.2]))
    # A small cube about the target: as deep as wide.
    points = torch.cartesian_prod(*3 * [torch.tensor([-0.01, 0.01])])
    turned = (points @ camera.T_camera_world[0, :3, :3])[None]
    width = camera.project(turned)[0, :, 0]
    assert torch.allclose(camera.relative_depth(turned)[0].max(), width.max(), atol=1e-5)
    # Twice as far away and twice as large looks the same, and is as deep.
    far = look_at(torch.tensor([0.7]), torch.tensor([0.2]), distance=20.0)
    assert torch.allclose(far.relative_depth(2 * turned), camera.relative_depth(turned), atol=1e-5)


def test_relative_depth_is_the_same_whatever_lies_beside_the_point_it_is_about():
    camera = look_at(torch.tensor([0.7]), torch.tensor([0.2]))
    points = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
    about = points[:, :2]
    assert torch.equal(camera.relative_depth(points, about)[:, 2:], camera.relative_depth(points[:, 2:], about))
    assert torch.equal(camera.relative_depth(points, points), camera.relative_depth(points))


def test_a_far_pinhole_is_a_parallel_projection(directions, points):
    far = [angle.double() for angle in directions]
    for distance, tolerance in ((100.0, 0.02), (10_000.0, 0.0002)):
        pinhole, *parallel = three(*far, distance)
        for camera in parallel:
            assert torch.allclose(camera.project(points), pinhole.project(points), atol=tolerance)
            assert torch.allclose(camera.relative_depth(points), pinhole.relative_depth(points), atol=tolerance)
            assert torch.equal(camera.distance(points), pinhole.distance(points))
            assert torch.equal(camera.azimuth, pinhole.azimuth) and torch.equal(camera.elevation, pinhole.elevation)


def test_an_orthographic_picture_is_a_weak_perspective_one_without_shift(directions, points):
    _, weak, orthographic = three(*(angle.double() for angle in directions))
    assert torch.allclose(weak.to_clip(points), orthographic.to_clip(points), atol=1e-14)


def test_scale_and_shift_are_those_of_the_picture_x_right_and_y_down(directions, points):
    plain, shift = three(*(angle.double() for angle in directions))[1], torch.tensor([[0.3, -0.2]]).double()
    moved = replace(plain, scale=2 * plain.scale, shift=shift.expand(50, 2))
    assert torch.allclose(moved.project(points), 2 * plain.project(points) + shift)


def test_every_camera_divides_its_clip_position_by_w(directions, points):
    for camera in three(*(angle.double() for angle in directions)):
        clip, (x, y, z) = camera.to_clip(points), camera.to_camera(points).unbind(-1)
        wide = camera.half_width(-z)
        assert torch.allclose(clip[..., :2] / clip[..., 3:], torch.stack((x / wide, -y / wide), -1))
        assert torch.equal(camera.project(points), clip[..., :2] / clip[..., 3:])
        order = (clip[..., 2] / clip[..., 3]).argsort(-1)
        assert torch.equal(order, camera.distance(points).argsort(-1))


def test_near_and_far_planes_bound_the_ndc_depth_of_every_camera():
    straight = torch.zeros(1, dtype=torch.float64)
    points = torch.tensor([[[0, 0, 10 - NEAR], [0, 0, 10 - FAR]]], dtype=torch.float64)
    for camera in three(straight, straight):
        clip = camera.to_clip(points)[0]
        assert (clip[:, 2] / clip[:, 3]).tolist() == pytest.approx([-1, 1])


def test_the_mirror_image_of_a_scene_has_the_mirror_image_as_its_picture(directions, points):
    azimuth, elevation = (angle.double() for angle in directions)
    flip, mirror = points.new_tensor((-1, 1)), points.new_tensor((-1, 1, 1))
    for camera, other in zip(three(azimuth, elevation), three(-azimuth, elevation), strict=True):
        assert torch.allclose(other.project(points * mirror), camera.project(points) * flip)
        assert torch.allclose(other.relative_depth(points * mirror), camera.relative_depth(points))


def test_every_camera_sees_along_its_lines_of_sight(directions, points):
    """What lies behind a point on its line of sight falls on the same place of the picture."""
    for camera in three(*(angle.double() for angle in directions)):
        towards = camera.line_of_sight(camera.to_camera(points)) @ camera.T_camera_world[:, :3, :3]
        assert torch.allclose(camera.project(points + 0.3 * towards), camera.project(points))
        assert (camera.distance(points + 0.3 * towards) > camera.distance(points)).all()


def test_every_camera_hands_a_finite_gradient_to_its_points_and_to_its_own_parts(directions, points):
    azimuth, elevation = (angle.double() for angle in directions)
    for camera in three(azimuth, elevation):
        leaves = points.clone().requires_grad_(), *vars(camera.apply(lambda part: part.requires_grad_())).values()
        camera.project_with_depth(leaves[0], points).square().sum().backward()
        for leaf in leaves:
            assert not isinstance(leaf, torch.Tensor) or leaf.grad.isfinite().all() and leaf.grad.abs().sum() > 0


def test_cameras_of_every_kind_keep_their_lenses_when_they_are_chosen_and_moved(directions):
    pinhole, weak, orthographic = three(*directions)
    weak = replace(weak, scale=torch.arange(50.0))
    some = weak[torch.tensor([3, 1])]
    assert isinstance(some, WeakPerspectiveCamera) and some.scale.tolist() == [3, 1] and some.shift.shape == (2, 2)
    for camera in (pinhole, weak, orthographic):
        moved = camera.with_extrinsics(camera.T_camera_world.flip(0))
        assert type(moved) is type(camera)
        assert torch.equal(moved.azimuth, camera.azimuth.flip(0))
    assert orthographic[:2].half_extent == HALF and len(orthographic[:2]) == 2
    assert pinhole.to(torch.device("cpu")).fov == pinhole.fov
