import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from models.geometry.cameras import PerspectiveCamera, look_at
from models.rendering import ReferenceConfig, RendererConfig, reference

RENDERER = ReferenceConfig().build("cpu")


def by_hand(clip, faces, size):
    """An independent renderer: every face at every pixel, in numpy, by intersecting the pixel's ray with its plane."""
    face, depth, weights = np.full((size, size), -1), np.zeros((size, size)), np.zeros((size, size, 3))
    nearest = np.full((size, size), np.inf)
    centre = (2 * np.arange(size) + 1) / size - 1
    for number, corners in enumerate(clip[faces]):
        # A point of the face is corners^T b; on the ray of (x, y) its homogeneous coordinates are s (x, y, 1).
        matrix = corners[:, [0, 1, 3]].T
        if abs(np.linalg.det(matrix)) < 1e-12:
            continue
        inverse = np.linalg.inv(matrix)
        for row in range(size):
            for column in range(size):
                b = inverse @ (centre[column], centre[row], 1)
                if (b < 0).any():
                    continue
                b = b / b.sum()
                z = (b @ corners[:, 2]) / (b @ corners[:, 3])
                if z < nearest[row, column]:
                    nearest[row, column] = z
                    face[row, column], depth[row, column], weights[row, column] = number, b @ corners[:, 3], b
    return face, depth, weights


def test_agrees_with_a_renderer_that_tries_every_face_at_every_pixel(soup):
    clip, faces = soup
    fragments = RENDERER.rasterize(clip, faces, 24)
    for image in range(2):
        face, depth, weights = by_hand(clip[image].numpy(), faces.numpy(), 24)
        assert (face >= 0).mean() > 0.3
        assert np.array_equal(fragments.face[image].numpy(), face)
        np.testing.assert_allclose(fragments.depth[image].numpy(), depth, atol=1e-9)
        np.testing.assert_allclose(fragments.barycentric[image].numpy(), weights, atol=1e-9)


def test_single_precision_sees_the_same_faces(soup):
    clip, faces = soup
    same = RENDERER.rasterize(clip.float(), faces, 64).face == RENDERER.rasterize(clip, faces, 64).face
    assert same.double().mean() > 0.999


def test_a_sphere_has_the_depth_of_a_sphere(ball, cameras):
    size = 48
    depth = RENDERER.rasterize(ball.clip(cameras), ball.faces, size).depth
    centre = ((2 * torch.arange(size).double() + 1) / size - 1) * np.tan(cameras.fov / 2)
    y, x = torch.meshgrid(-centre, centre, indexing="ij")
    # |d (x, y, -1) - (0, 0, -10)| = 1 for the nearer d.
    a, half_b, c = x**2 + y**2 + 1, torch.full_like(x, -10.0), 99.0
    inside = half_b**2 - a * c > 0.3
    exact = (-half_b - (half_b**2 - a * c).clamp(min=0).sqrt()) / a
    assert inside.sum() > 200
    assert (depth - exact)[:, inside].abs().max() < 0.02


def test_interpolated_positions_lie_on_the_pixels_ray(ball, cameras):
    clip = ball.clip(cameras)
    fragments = RENDERER.rasterize(clip, ball.faces, 40)
    seen = fragments.face >= 0
    points = RENDERER.interpolate(clip, fragments, ball.faces)
    centre = (2 * torch.arange(40).double() + 1) / 40 - 1
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    ndc = (points[..., :2] / points[..., 3:])[seen]
    assert torch.allclose(ndc, torch.stack((x, y), -1).expand(3, -1, -1, -1)[seen], atol=1e-9)
    assert torch.allclose(points[..., 3][seen], fragments.depth[seen])
    assert (points[~seen] == 0).all()


def test_one_mesh_of_attributes_serves_all_images(ball, cameras):
    fragments = RENDERER.rasterize(ball.clip(cameras), ball.faces, 24)
    colors = ball.vertices[None]
    each = RENDERER.interpolate(colors.expand(3, -1, -1), fragments, ball.faces)
    assert torch.equal(RENDERER.interpolate(colors, fragments, ball.faces), each)


def test_weights_are_a_partition_of_unity(soup):
    fragments = RENDERER.rasterize(*soup, 32)
    seen = fragments.face >= 0
    assert torch.allclose(fragments.barycentric[seen].sum(-1), torch.ones(1).double())
    assert fragments.barycentric.min() > -1e-5


def test_a_batch_equals_its_images_alone(ball, cameras):
    clip = ball.clip(cameras)
    together = RENDERER.rasterize(clip, ball.faces, 32)
    for image in range(3):
        alone = RENDERER.rasterize(clip[image : image + 1], ball.faces, 32)
        assert torch.equal(alone.face[0], together.face[image])
        assert torch.equal(alone.barycentric[0], together.barycentric[image])


def test_a_shift_by_whole_pixels_shifts_the_picture(ball, cameras):
    clip = ball.clip(cameras)
    shift = torch.zeros_like(clip)
    shift[..., 0], shift[..., 1] = 2 / 32 * 3 * clip[..., 3], -2 / 32 * 2 * clip[..., 3]
    before, after = (RENDERER.rasterize(c, ball.faces, 32).face for c in (clip, clip + shift))
    assert torch.equal(after, before.roll((-2, 3), (1, 2)))


def test_turning_camera_and_animal_together_changes_nothing(ball, cameras):
    turn = look_at(torch.tensor([0.7]).double(), torch.tensor([0.3]).double(), 0.0).T_camera_world[0]
    moved = ball.vertices @ turn[:3, :3].mT
    camera = PerspectiveCamera(cameras.T_camera_world @ turn.inverse())
    before = RENDERER.rasterize(ball.clip(cameras), ball.faces, 32)
    after = RENDERER.rasterize(camera.to_clip(moved.expand(3, -1, -1)), ball.faces, 32)
    assert torch.allclose(before.depth, after.depth)


def test_row_0_is_the_top_and_column_0_the_left():
    vertices = torch.tensor([[[0.2, 1.0, 0.0], [1.0, 1.0, 0.0], [0.6, 1.8, 0.0]]])
    camera = look_at(torch.zeros(1), torch.zeros(1))
    rows, columns = (
        (RENDERER.rasterize(camera.to_clip(vertices), torch.tensor([[0, 1, 2]]), 32).face[0] == 0).nonzero().T
    )
    assert rows.max() < 16
    assert columns.min() >= 16


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_faces_that_meet_leave_no_hole(dtype):
    side = 24
    generator = torch.Generator().manual_seed(0)
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1.2, 1.2, side, dtype=dtype)] * 2, indexing="ij"), -1)
    grid = grid + 0.02 * torch.rand(8, side, side, 2, generator=generator, dtype=dtype)
    w = 10 + torch.rand(8, side, side, 1, generator=generator, dtype=dtype)
    clip = torch.cat((grid * w, 0.98 * w, w), -1).flatten(1, 2)
    corner = torch.arange(side * side).view(side, side)
    quads = [corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]]
    faces = torch.cat([torch.stack([quads[k] for k in which], -1).view(-1, 3) for which in ((0, 1, 2), (0, 2, 3))])
    assert (RENDERER.rasterize(clip, faces, 96).face >= 0).all()


def test_pixel_centres_on_an_edge_belong_to_a_face():
    """A square whose diagonal runs exactly through pixel centres."""
    square = torch.tensor([[-1.0, -1, 0, 1], [1, -1, 0, 1], [1, 1, 0, 1], [-1, 1, 0, 1]])[None]
    assert (RENDERER.rasterize(square, torch.tensor([[0, 1, 2], [0, 2, 3]]), 32).face >= 0).all()


def test_gradients_of_weights_agree_with_finite_differences():
    clip = torch.tensor([[[-4.0, -3, 0, 5], [6, -2, 0, 7], [0.5, 5, 0, 6]]], dtype=torch.float64, requires_grad=True)
    faces = torch.tensor([[0, 1, 2]])

    def pictures(points):
        fragments = RENDERER.rasterize(points, faces, 6)
        return fragments.barycentric, fragments.depth

    assert torch.autograd.gradcheck(pictures, clip)


def test_many_pairs_are_drawn_in_parts(soup, monkeypatch):
    whole = RENDERER.rasterize(*soup, 32)
    monkeypatch.setattr(reference, "PAIRS_AT_ONCE", 50)
    assert torch.equal(RENDERER.rasterize(*soup, 32).face, whole.face)


def bad_faces():
    behind = torch.tensor([[-1.0, -1, 0.98, 1], [1, -1, 0.98, 1], [0, 1, -2, -1]])
    near = torch.tensor([[-1.0, -1, 0.98, 1], [1, -1, 0.98, 1], [0, 1, -1.1, 1]])
    return {
        "behind the camera": behind,
        "before the near plane": near,
        "a line": torch.tensor([[-1.0, -1, 0, 1], [0, 0, 0, 1], [1, 1, 0, 1]]),
        "a point": torch.tensor([[0.1, 0.1, 0, 1]]).repeat(3, 1),
        "a sliver": torch.tensor([[-1.0, 0, 0, 1], [1, 0, 0, 1], [0, 1e-6, 0, 1]]),
        "not a number": behind.clone().fill_(torch.nan),
        "infinite": torch.tensor([[-1.0, -1, 0, 1], [torch.inf, -1, 0, 1], [0, 1, 0, 1]]),
        "zero w": torch.zeros(3, 4),
        "outside": torch.tensor([[3.0, 3, 0, 1], [4, 3, 0, 1], [3, 4, 0, 1]]),
    }


@pytest.mark.parametrize("name", bad_faces())
def test_a_face_that_cannot_be_drawn_is_left_out(name):
    good = torch.tensor([[-0.6, -0.5, 0.5, 1], [0.5, -0.4, 0.5, 1], [0.1, 0.7, 0.5, 1]])
    clip = torch.cat((good, bad_faces()[name]))[None].requires_grad_()
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    fragments = RENDERER.rasterize(clip, faces, 16)
    assert set(fragments.face.unique().tolist()) == {-1, 0}
    colors = RENDERER.interpolate(torch.rand(1, 6, 2), fragments, faces)
    RENDERER.antialias(colors, fragments, clip, faces).square().sum().backward()
    assert clip.grad.isfinite().all()
    assert clip.grad[:, :3].abs().sum() > 0


def test_gradients_are_finite_on_a_crumpled_mesh(ball, cameras):
    """Random vertices merged into each other, as marching tetrahedra leave them."""
    generator = torch.Generator().manual_seed(1)
    vertices = ball.vertices.float() + 1e-4 * torch.randn(ball.vertices.shape, generator=generator)
    vertices[torch.randint(642, (200,), generator=generator)] = vertices[7].clone()
    vertices = vertices.requires_grad_()
    clip = PerspectiveCamera(cameras.T_camera_world.float()).to_clip(vertices.expand(3, -1, -1))
    fragments = RENDERER.rasterize(clip, ball.faces, 32)
    colors = RENDERER.interpolate(vertices[None], fragments, ball.faces)
    RENDERER.antialias(colors, fragments, clip, ball.faces).square().sum().backward()
    assert vertices.grad.isfinite().all()


def test_an_animal_that_vanished_gives_an_empty_picture():
    clip, faces = torch.zeros(2, 0, 4, requires_grad=True), torch.zeros(0, 3, dtype=torch.int64)
    fragments = RENDERER.rasterize(clip, faces, 8)
    colors = RENDERER.interpolate(torch.zeros(1, 0, 3), fragments, faces)
    smooth = RENDERER.antialias(colors, fragments, clip, faces)
    assert (fragments.face == -1).all()
    assert smooth.shape == (2, 8, 8, 3)
    assert (smooth == 0).all()


def test_the_config_names_the_renderers_it_knows():
    adapter = TypeAdapter(RendererConfig)
    assert adapter.validate_python({"kind": "reference"}) == ReferenceConfig()
    with pytest.raises(ValidationError, match="'reference', 'nvdiffrast'"):
        adapter.validate_python({"kind": "opengl"})
