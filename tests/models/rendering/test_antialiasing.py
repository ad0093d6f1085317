import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull

from models.geometry.cameras import look_at
from models.rendering import Reference, antialiasing
from models.rendering.antialiasing import neighbours
from models.rendering.screen import to_screen

RENDERER = Reference()
SIZE = 64


def mask(clip, faces, size=SIZE):
    fragments = RENDERER.rasterize(clip, faces, size)
    return RENDERER.antialias((fragments.face >= 0).to(clip.dtype)[..., None], fragments, clip, faces)[..., 0]


def hull_areas(clip, size=SIZE):
    """Exact areas in pixels of a convex body's silhouette."""
    x, y = (axis.view(len(clip), -1).numpy() for axis in to_screen(clip.detach(), size))
    return np.array([ConvexHull(np.stack(points, 1)).volume for points in zip(x, y, strict=True)])


def polygon(corners):
    """Clip positions, in pixels at w = 1, of a convex polygon drawn as a fan."""
    points = torch.as_tensor(corners, dtype=torch.float64)
    ndc = (points + 0.5) * (2 / SIZE) - 1
    faces = torch.tensor([[0, k, k + 1] for k in range(1, len(points) - 1)])
    return torch.cat((ndc, torch.zeros_like(ndc[:, :1]), torch.ones_like(ndc[:, :1])), 1)[None], faces


def test_neighbours_are_looked_for_once_while_faces_live(ball, cameras, monkeypatch):
    asked = []
    monkeypatch.setattr(antialiasing, "neighbours", lambda faces: asked.append(faces.tolist()) or neighbours(faces))
    clip, faces, other = ball.clip(cameras), ball.faces.clone(), ball.faces.flip(0)
    pictures = [mask(clip, drawn) for drawn in (faces, other, faces, other)]
    assert asked == [faces.tolist(), other.tolist()]
    assert all(torch.equal(picture, pictures[0]) for picture in pictures)
    known = len(antialiasing._KNOWN)
    del faces, other
    assert len(antialiasing._KNOWN) == known - 2


def test_neighbours_share_the_edge_in_the_other_direction(ball):
    other = neighbours(ball.faces)
    start, end = ball.faces.flatten(), ball.faces.roll(-1, 1).flatten()
    assert torch.equal(start[other], end)
    assert torch.equal(other[other], torch.arange(len(other)))


def test_borders_crossroads_and_reversed_faces_have_no_neighbour():
    assert neighbours(torch.tensor([[0, 1, 2]])).tolist() == [-1, -1, -1]
    assert neighbours(torch.tensor([[0, 1, 2], [0, 1, 3]])).tolist() == [-1] * 6
    assert neighbours(torch.tensor([[0, 1, 2], [1, 0, 3], [1, 0, 4]])).tolist() == [-1] * 9
    assert neighbours(torch.tensor([[0, 1, 2], [1, 0, 3]])).tolist() == [3, -1, -1, 0, -1, -1]


@pytest.mark.parametrize("turn", np.linspace(0.05, 1.5, 7))
def test_a_square_at_any_angle_has_its_area(turn):
    corners = 20 * np.stack([(np.cos(a), np.sin(a)) for a in turn + np.arange(4) * np.pi / 2]) + 31.3
    clip, faces = polygon(corners)
    assert mask(clip, faces).sum().item() == pytest.approx(800, abs=2.5)


def test_a_vertical_edge_blends_by_its_exact_position():
    clip, faces = polygon([(10.2, 10.1), (30.85, 10.1), (30.85, 40.3), (10.2, 40.3)])
    row = mask(clip, faces)[0, 25]
    assert row[10:12].tolist() == pytest.approx([0.3, 1])
    assert row[30:33].tolist() == pytest.approx([1, 0.35, 0])
    assert row.sum() == pytest.approx(20.65)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("stretch", [1.0, 1.6])
def test_the_area_of_a_body_and_its_gradient_are_exact(ball, cameras, size, stretch):
    """Also where faces are smaller than pixels, and for perspective."""
    scale = torch.ones(3, 1, 1, dtype=torch.float64, requires_grad=True)
    body = ball.vertices * torch.tensor([0.7, 0.8, stretch])

    def clip(by):
        return cameras.to_clip((body * by).expand(3, -1, -1))

    area = mask(clip(scale), ball.faces, size).sum((1, 2))
    exact = hull_areas(clip(scale), size)
    assert np.abs(area.detach().numpy() / exact - 1).max() < 0.01
    area.sum().backward()
    step = 1e-4
    slope = (hull_areas(clip(torch.tensor(1 + step)), size) - hull_areas(clip(torch.tensor(1 - step)), size)) / (
        2 * step
    )
    assert np.abs(scale.grad.flatten().numpy() / slope - 1).max() < 0.1


def test_the_centre_of_mass_follows_a_shift(ball, cameras):
    shift = torch.zeros(3, 1, 2, dtype=torch.float64, requires_grad=True)
    clip = ball.clip(cameras)
    moved = torch.cat((clip[..., :2] + shift * clip[..., 3:] * (2 / SIZE), clip[..., 2:]), -1)
    picture = mask(moved, ball.faces)
    position = torch.arange(SIZE, dtype=torch.float64)
    area = picture.sum((1, 2)).detach()
    for axis, moment in enumerate(((picture * position).sum((1, 2)), (picture * position[:, None]).sum((1, 2)))):
        (gradient,) = torch.autograd.grad((moment / area).sum(), shift, retain_graph=True)
        expected = torch.eye(2, dtype=torch.float64)[axis].expand(3, 2)
        assert torch.allclose(gradient[:, 0], expected, atol=0.1)


def test_gradients_agree_with_finite_differences(ball):
    """Of any linear functional of the picture, where no silhouette passes a pixel centre in between."""
    camera = look_at(torch.tensor([0.3]).double(), torch.tensor([0.2]).double())
    weight = torch.rand(SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    corner = torch.tensor([0.0137, -0.021, 0.0093], dtype=torch.float64, requires_grad=True)
    colors = ball.vertices[None] * 0.5 + 0.5

    def value(shift):
        clip = camera.to_clip((ball.vertices + shift)[None])
        fragments = RENDERER.rasterize(clip, ball.faces, SIZE)
        picture = RENDERER.interpolate(colors, fragments, ball.faces)
        return (RENDERER.antialias(picture, fragments, clip, ball.faces)[0] * weight).sum()

    value(corner).backward()
    for axis in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[axis] = 1e-6
        with torch.no_grad():
            slope = (value(corner + step) - value(corner - step)) / 2e-6
        assert corner.grad[axis].item() == pytest.approx(slope.item(), rel=1e-3, abs=1e-2)


def test_a_body_in_front_of_another_is_blended_with_it_and_hides_its_edges():
    """A small square before a large one: only the small one's edge acts where both are seen."""
    near, faces = polygon([(20.3, 20.3), (40.7, 20.3), (40.7, 40.7), (20.3, 40.7)])
    far, _ = polygon([(5.3, 5.3), (30.2, 5.3), (30.2, 55.2), (5.3, 55.2)])
    far[..., 2] = 0.5
    clip = torch.cat((near, 2 * far), 1)
    both = torch.cat((faces, faces + 4))
    fragments = RENDERER.rasterize(clip, both, SIZE)
    colors = torch.where(fragments.face[..., None] < 2, 1.0, 0.2) * (fragments.face >= 0)[..., None]
    row = RENDERER.antialias(colors.double(), fragments, clip, both)[0, 30, :, 0]
    assert row[20:22].tolist() == pytest.approx([0.2 + 0.2 * 0.8, 1.0])
    assert row[29:32].tolist() == pytest.approx([1, 1, 1])
    assert row[40:43].tolist() == pytest.approx([1, 0.2, 0])
    above = RENDERER.antialias(colors.double(), fragments, clip, both)[0, 10, :, 0]
    assert above[29:32].tolist() == pytest.approx([0.2, 0.2 * 0.7, 0])


def test_inside_a_smooth_surface_nothing_changes(ball, cameras):
    clip = ball.clip(cameras)
    fragments = RENDERER.rasterize(clip, ball.faces, SIZE)
    colors = torch.rand(3, SIZE, SIZE, 2, dtype=torch.float64)
    smooth = RENDERER.antialias(colors, fragments, clip, ball.faces)
    empty = torch.nn.functional.max_pool2d((fragments.face < 0).double()[:, None], 3, 1, 1)[:, 0] > 0
    assert torch.equal(smooth[~empty], colors[~empty])
    assert not torch.equal(smooth, colors)


def test_mirror_images_are_mirror_images(ball, cameras):
    clip = ball.clip(cameras)
    picture = mask(clip, ball.faces)
    for axis, image_axis in ((0, 2), (1, 1)):
        turned = clip.clone()
        turned[..., axis] *= -1
        assert torch.allclose(mask(turned, ball.faces), picture.flip(image_axis))


def test_a_batch_equals_its_images_alone(ball, cameras):
    clip = ball.clip(cameras)
    together = mask(clip, ball.faces)
    for image in range(3):
        assert torch.allclose(mask(clip[image : image + 1], ball.faces)[0], together[image])


def test_a_plain_scene_without_silhouettes_is_returned_as_it_came():
    clip, faces = polygon([(-90, -90), (90, -90), (90, 90), (-90, 90)])
    assert torch.equal(mask(clip, faces), torch.ones(1, SIZE, SIZE).double())
