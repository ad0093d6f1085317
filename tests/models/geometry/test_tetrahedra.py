import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from models.geometry.tetrahedra import MARGIN, crossings, zero_points

LINE = torch.linspace(-1, 1, 17)
POINTS = torch.stack(torch.meshgrid(LINE, LINE, LINE, indexing="ij"), -1)


def march(values: Tensor) -> trimesh.Trimesh:
    found = crossings(values > 0)
    flat, points = values.flatten(), POINTS.view(-1, 3)
    vertices = zero_points(points[found.inner], points[found.outer], flat[found.inner], flat[found.outer])
    return trimesh.Trimesh(vertices.numpy(), found.faces.numpy(), process=False)


def noise(seed: int) -> Tensor:
    values = torch.randn(POINTS.shape[:3], generator=torch.Generator().manual_seed(seed))
    rim = POINTS.abs().amax(-1) > 0.99
    return torch.where(rim, -1.0, values)


def test_a_sphere_is_one_closed_outward_surface_with_its_volume() -> None:
    mesh = march(0.7 - POINTS.norm(dim=-1))
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.euler_number == 2
    assert mesh.volume == pytest.approx(4 / 3 * torch.pi * 0.7**3, rel=0.02)


def test_a_torus_has_one_hole() -> None:
    around = POINTS[..., :2].norm(dim=-1) - 0.55
    assert march(0.28 - (around.square() + POINTS[..., 2].square()).sqrt()).euler_number == 0


@pytest.mark.parametrize("seed", range(3))
def test_any_field_gives_a_closed_manifold_without_empty_faces(seed: int) -> None:
    mesh = march(noise(seed))
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert (np.unique(mesh.edges_sorted, axis=0, return_counts=True)[1] == 2).all()
    assert mesh.area_faces.min() > 0.1 * (MARGIN * 2 / 16) ** 2
    assert mesh.volume > 0


@pytest.mark.parametrize("axis", range(3))
def test_a_mirrored_field_gives_the_mirrored_surface(axis: int) -> None:
    values = noise(0)
    mesh, mirrored = march(values), march(values.flip(axis))
    reflected = mesh.vertices * [-1 if axis == number else 1 for number in range(3)]
    assert set(map(tuple, reflected.round(5) + 0.0)) == set(map(tuple, mirrored.vertices.round(5) + 0.0))
    assert mesh.area == pytest.approx(mirrored.area) and mesh.volume == pytest.approx(mirrored.volume)


def test_nothing_inside_gives_no_faces() -> None:
    found = crossings(torch.zeros(5, 5, 5, dtype=torch.bool))
    assert len(found.faces) == len(found.inner) == 0


def test_a_plane_is_met_exactly() -> None:
    inner, outer = torch.zeros(1, 3), torch.tensor([[0.0, 0, 2]])
    assert torch.allclose(
        zero_points(inner, outer, torch.tensor([0.6]), torch.tensor([-1.4])), torch.tensor([[0.0, 0, 0.6]])
    )


def test_the_gradient_is_that_of_the_linear_zero() -> None:
    inner, outer = torch.zeros(3, 3), torch.eye(3) + 0.1
    first = torch.tensor((0.4, 0.9, 0.3), requires_grad=True)
    second = torch.tensor((-0.8, -0.5, -0.5), requires_grad=True)
    exact = inner + (first / (first - second))[:, None] * (outer - inner)
    ours, theirs = (
        torch.autograd.grad(vertices.square().sum(), (first, second))
        for vertices in (zero_points(inner, outer, first, second), exact)
    )
    assert torch.allclose(torch.cat(ours), torch.cat(theirs))


def test_the_gradient_agrees_with_finite_differences() -> None:
    inner, outer = torch.zeros(3, 3).double(), torch.eye(3).double()
    values = torch.tensor(((0.4, 0.9, 0.7), (-0.8, -0.5, -0.5))).double().requires_grad_()

    def place_all(values: Tensor) -> Tensor:
        return zero_points(inner, outer, *values).square().sum()

    (slope,) = torch.autograd.grad(place_all(values), values)
    step = 1e-6 * torch.eye(6).double().view(6, 2, 3)
    with torch.no_grad():
        measured = torch.stack([(place_all(values + each) - place_all(values - each)) / 2e-6 for each in step])
    assert torch.allclose(slope.flatten(), measured, atol=1e-6)


def test_near_a_grid_point_the_vertex_keeps_its_distance_and_its_gradient() -> None:
    value = torch.tensor([1e-9], requires_grad=True)
    vertex = zero_points(torch.zeros(1, 3), torch.tensor([[0.0, 0, 1]]), value, torch.tensor([-1.0]))
    vertex.sum().backward()
    assert vertex[0, 2].item() == pytest.approx(MARGIN)
    assert 0.5 < value.grad.item() < 1.5


def test_a_flat_field_has_a_bounded_gradient() -> None:
    value = torch.tensor([1e-20], requires_grad=True)
    zero_points(torch.zeros(1, 3), torch.tensor([[0.0, 0, 1]]), value, torch.tensor([-1e-20])).sum().backward()
    assert abs(value.grad.item()) <= 5
