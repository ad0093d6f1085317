import torch
from torch.nn.functional import normalize

from models.rendering.shading import facing_normal, shade
from models.rendering.types import Light


def light(direction, ambient=0.3, diffuse=0.7):
    return Light(normalize(torch.tensor([direction]), dim=-1), torch.tensor([ambient]), torch.tensor([diffuse]))


def test_full_light_on_a_facing_surface_and_ambient_alone_behind():
    normals = torch.tensor([[[0.0, 0, 1], [0, 0, -1], [1, 0, 0]]])
    assert torch.allclose(shade(normals, light((0.0, 0, 1))), torch.tensor([[1.0, 0.3, 0.3]]))


def test_brightness_falls_with_the_cosine_for_any_layout_of_pixels():
    angle = torch.linspace(0, 1.5, 6)
    normals = torch.stack((angle.sin(), torch.zeros(6), angle.cos()), -1)
    expected = 0.3 + 0.7 * angle.cos()
    assert torch.allclose(shade(normals[None], light((0.0, 0, 1)))[0], expected)
    assert torch.allclose(shade(normals.view(1, 2, 3, 3), light((0.0, 0, 1)))[0], expected.view(2, 3))


def test_normals_are_unit_and_face_the_viewer():
    generator = torch.Generator().manual_seed(0)
    smooth, geometric = torch.randn(2, 500, 3, generator=generator)
    position = torch.randn(500, 3, generator=generator) - torch.tensor([0.0, 0, 10])
    normal = facing_normal(smooth, geometric, position)
    assert torch.allclose(normal.norm(dim=-1), torch.ones(500))
    assert ((normal * -normalize(position, dim=-1)).sum(-1) > -1e-6).all()


def test_a_smooth_normal_is_kept_unless_it_grazes():
    position = torch.tensor([[0.0, 0, -10]]).expand(2, 3)
    smooth = normalize(torch.tensor([[1.0, 0, 1], [1, 0, -0.5]]), dim=-1)
    geometric = torch.tensor([[0.2, 0, 1], [0.2, 0, 1]])
    normal = facing_normal(smooth, geometric, position)
    assert torch.allclose(normal[0], smooth[0])
    assert torch.allclose(normal[1], normalize(geometric[1], dim=0))


def test_both_sides_of_a_face_are_lit():
    position, smooth = torch.tensor([[0.0, 0, -10]]), torch.tensor([[0.6, 0, 0.8]])
    assert torch.allclose(facing_normal(-smooth, -smooth, position), facing_normal(smooth, smooth, position))


def test_gradients_are_finite_at_empty_normals():
    zero = torch.zeros(1, 3, requires_grad=True)
    facing_normal(zero, torch.zeros(1, 3), torch.zeros(1, 3)).sum().backward()
    assert zero.grad.isfinite().all()
