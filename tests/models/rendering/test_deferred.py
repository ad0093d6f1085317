import pytest
import torch
from torch.nn.functional import normalize

from models.geometry.cameras import OrthographicCamera, PerspectiveCamera, WeakPerspectiveCamera, look_at
from models.geometry.mesh import Mesh
from models.rendering import Reference
from models.rendering.deferred import Surface, render, silhouette, visible_faces
from models.rendering.types import Light

SIZE = 48


def lights(batch):
    direction = normalize(torch.tensor([[0.3, 0.5, 0.8]]), dim=-1).expand(batch, 3)
    return Light(direction, torch.full((batch,), 0.4), torch.full((batch,), 0.6))


def position_colour(points, image):
    return 0.5 + 0.4 * points.tanh()


@pytest.fixture
def mesh(ball):
    return Mesh(ball.vertices.float().expand(3, -1, -1).clone(), ball.faces)


@pytest.fixture
def views(cameras):
    return PerspectiveCamera(cameras.T_camera_world.float())


def picture(mesh, views, albedo=position_colour, features=None, light=None):
    canonical = mesh.vertices[:1].detach()
    return render(Reference(), Surface(mesh, canonical, albedo, features), views, light or lights(len(mesh)), SIZE)


def test_inside_the_mask_colour_is_albedo_times_shading_of_a_sphere(mesh, views):
    rendering = picture(mesh, views)
    inside = torch.nn.functional.avg_pool2d(rendering.mask[:, None], 3, 1, 1)[:, 0] > 0.999
    light = lights(3)
    lambert = (rendering.normal * light.direction[:, None, None]).sum(-1).clamp(min=0)
    assert torch.allclose(rendering.shading[inside], (0.4 + 0.6 * lambert)[inside], atol=1e-5)
    expected = rendering.albedo * rendering.shading[..., None]
    assert torch.allclose(rendering.rgb[inside], expected[inside], atol=1e-5)


def test_normals_are_those_of_a_sphere_in_the_camera_frame(mesh, views):
    rendering = picture(mesh, views)
    half = torch.tan(torch.tensor(views.fov / 2))
    centre = ((2 * torch.arange(SIZE) + 1) / SIZE - 1) * half
    y, x = torch.meshgrid(-centre, centre, indexing="ij")
    depth = rendering.depth[..., None]
    points = torch.stack((x, y, -torch.ones_like(x)), -1) * depth + torch.tensor([0.0, 0, 10])
    seen = rendering.depth > 0
    facing = seen & (rendering.normal[..., 2] > 0.3)
    assert torch.allclose(rendering.normal[facing], normalize(points, dim=-1)[facing], atol=0.03)
    assert torch.allclose(rendering.normal.norm(dim=-1), seen.float(), atol=1e-5)


def test_fields_are_asked_only_at_covered_pixels_with_their_image(mesh, views):
    asked = {}

    def albedo(points, image):
        asked["points"], asked["image"] = points, image
        return torch.stack((image * 0.25, image * 0.0, image * 0.0 + 1), -1)

    rendering = picture(mesh, views, albedo)
    assert len(asked["points"]) == (rendering.depth > 0).sum()
    assert (asked["points"].norm(dim=-1) - 1).abs().max() < 0.02
    centre = rendering.albedo[:, SIZE // 2, SIZE // 2]
    assert torch.allclose(centre, torch.tensor([[0.0, 0, 1], [0.25, 0, 1], [0.5, 0, 1]]))


def test_texture_sticks_to_the_canonical_point_when_the_mesh_moves(mesh, views):
    moved = Mesh(mesh.vertices + torch.tensor([0.2, 0.1, 0.3]), mesh.faces)
    camera = PerspectiveCamera(views.T_camera_world.clone())
    shift = views.T_camera_world[:, :3, :3] @ torch.tensor([0.2, 0.1, 0.3])
    camera.T_camera_world[:, :3, 3] -= shift
    canonical = mesh.vertices[:1]
    after = render(Reference(), Surface(moved, canonical, position_colour), camera, lights(3), SIZE)
    assert torch.allclose(after.rgb, picture(mesh, views).rgb, atol=2e-3)


def test_features_come_only_when_asked_for(mesh, views):
    assert picture(mesh, views).features is None
    rendering = picture(mesh, views, features=lambda points, image: points.repeat(1, 2))
    assert rendering.features.shape == (3, SIZE, SIZE, 6)
    assert torch.equal(rendering.features[..., :3], rendering.features[..., 3:])


def test_every_part_of_the_scene_gets_a_finite_gradient(mesh, views):
    vertices = mesh.vertices.requires_grad_()
    T_camera_world = views.T_camera_world.clone().requires_grad_()
    light = Light(*(part.clone().requires_grad_() for part in vars(lights(3)).values()))
    tint = torch.ones(3, requires_grad=True)
    rendering = picture(
        Mesh(vertices, mesh.faces), PerspectiveCamera(T_camera_world), lambda p, _: p * tint + 1, light=light
    )
    (rendering.rgb.square().sum() + rendering.mask.square().sum()).backward()
    for leaf in (vertices, T_camera_world, light.direction, light.ambient, light.diffuse, tint):
        assert leaf.grad.isfinite().all()
        assert leaf.grad.abs().sum() > 0


def test_a_mask_pulls_the_silhouette_towards_it(mesh):
    """Gradient descent on the mask alone moves a ball to where another one is seen."""
    camera = look_at(torch.zeros(1), torch.zeros(1))
    target = picture(Mesh(mesh.vertices[:1] * 1.3 + torch.tensor([0.3, -0.2, 0.0]), mesh.faces), camera).mask
    place = torch.tensor([1.0, 0.0, 0.0])
    for step in range(30):
        place.requires_grad_()
        moved = mesh.vertices[:1] * place[0] + torch.stack((place[1], place[2], torch.zeros(())))
        loss = (picture(Mesh(moved, mesh.faces), camera).mask - target).square().sum()
        (gradient,) = torch.autograd.grad(loss, place)
        place = (place - 0.08 * 0.9**step * normalize(gradient, dim=0)).detach()
    assert torch.allclose(place, torch.tensor([1.3, 0.3, -0.2]), atol=0.02)


def test_an_animal_out_of_view_is_an_empty_picture(mesh, views):
    away = Mesh((mesh.vertices + 50).requires_grad_(), mesh.faces)
    rendering = picture(away, views, features=position_colour)
    assert not rendering.visible.any()
    for part in (rendering.rgb, rendering.mask, rendering.normal, rendering.depth, rendering.features):
        assert (part == 0).all()


def test_about_half_the_faces_of_a_ball_are_visible(mesh, views):
    coarse = Mesh(mesh.vertices, mesh.faces)
    visible = picture(coarse, views).visible
    assert visible.shape == (3, len(mesh.faces))
    outward = mesh.vertices[0][mesh.faces].mean(1)
    towards = (outward @ views.position.T).T
    assert towards[visible].min() > 0


def test_visible_faces_are_those_in_the_picture():
    face = torch.tensor([[[-1, 2], [2, 0]], [[-1, -1], [-1, -1]]])
    assert visible_faces(face, 4).tolist() == [[True, False, True, False], [False] * 4]


def test_a_silhouette_is_the_mask_of_the_picture_with_its_gradient(mesh, views):
    whole, alone = (Mesh(mesh.vertices.clone().requires_grad_(), mesh.faces) for _ in "ab")
    weights = torch.rand(len(mesh), SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    mask, covered = picture(whole, views).mask, silhouette(Reference(), alone, views, SIZE)
    assert torch.equal(mask, covered)
    for pixels in (mask, covered):
        (weights * pixels).sum().backward()
    assert torch.allclose(whole.vertices.grad, alone.vertices.grad, atol=1e-6)


PARALLEL = {
    "orthographic": lambda T, half=1.6: OrthographicCamera(T, half),
    "weak perspective": lambda T, half=1.6: WeakPerspectiveCamera(T, torch.full((3,), 1 / half), torch.zeros(3, 2)),
}


@pytest.mark.parametrize("kind", PARALLEL)
def test_a_parallel_projection_of_a_ball_is_a_disc_with_the_normals_and_depths_of_a_sphere(kind, mesh, views):
    camera = PARALLEL[kind](views.T_camera_world)
    rendering = picture(mesh, camera)
    pixel = 2 * 1.6 / SIZE
    assert torch.allclose(rendering.mask.sum((1, 2)) * pixel**2, torch.full((3,), torch.pi), rtol=0.01)
    centre = ((torch.arange(SIZE) + 0.5) / SIZE * 2 - 1) * 1.6
    y, x = torch.meshgrid(-centre, centre, indexing="ij")
    height = (1 - x.square() - y.square()).clamp(min=0).sqrt()
    inside = (height > 0.3) & (rendering.depth > 0)
    assert inside.sum() > 600
    expected = torch.stack((x, y, height), -1).expand_as(rendering.normal)
    assert torch.allclose(rendering.normal[inside], expected[inside], atol=0.03)
    assert torch.allclose(rendering.depth[inside], (10 - height).expand_as(inside)[inside], atol=0.02)


@pytest.mark.parametrize("kind", PARALLEL)
def test_a_parallel_projection_is_the_picture_of_a_far_pinhole(kind, mesh, views):
    camera = PARALLEL[kind](views.T_camera_world)
    T = views.T_camera_world.clone()
    T[:, 2, 3] -= 90
    half = torch.atan(torch.tensor(1.6 / 100, dtype=torch.float64)).item()
    pinhole = PerspectiveCamera(T.double(), 2 * half)
    near, far = picture(mesh, camera), picture(Mesh(mesh.vertices.double(), mesh.faces), pinhole)
    for part in ("rgb", "mask", "normal"):
        assert (getattr(near, part) - getattr(far, part)).abs().mean() < 0.005
    assert (near.depth[near.depth > 0] - far.depth[near.depth > 0] + 90).abs().mean() < 0.05


@pytest.mark.parametrize("kind", PARALLEL)
def test_a_parallel_projection_blends_where_one_part_hides_another(kind, mesh, views):
    """A small ball before a large one: its outline has pixels that are a mixture, and the gradient of its size."""
    straight = torch.zeros(3)
    camera = PARALLEL[kind](look_at(straight, straight, 0.5).T_camera_world, 0.16)
    size = torch.tensor(0.04, requires_grad=True)
    front = mesh.vertices * size + torch.tensor([0.0, 0.0, 0.2])
    vertices = torch.cat((0.1 * mesh.vertices, front), 1)
    both = Mesh(vertices, torch.cat((mesh.faces, mesh.faces + mesh.vertices.shape[1])))
    near = (torch.arange(both.vertices.shape[1]) >= mesh.vertices.shape[1]).float()[None, :, None].expand(1, -1, 3)
    surface = Surface(both, near, lambda points, _: points)
    albedo = render(Reference(), surface, camera, lights(3), SIZE).albedo[0, ..., 0]
    assert ((albedo > 0.05) & (albedo < 0.95)).sum() > 10
    pixels = (SIZE / 0.32) ** 2
    assert albedo.sum().item() == pytest.approx(torch.pi * 0.04**2 * pixels, rel=0.03)
    albedo.sum().backward()
    assert size.grad.item() == pytest.approx(2 * torch.pi * 0.04 * pixels, rel=0.1)
