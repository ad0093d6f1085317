import pytest
import torch
import trimesh
from torch import Tensor

from models.core.errors import TrainingDiverged
from models.geometry import sdf
from models.geometry.sdf import Axes, axes, ellipsoid, zero_surface

CPU = torch.device("cpu")


class Ball:
    """A ball that counts the points it was asked for with gradient."""

    def __init__(self, radius: float, middle: float = 0.0) -> None:
        self.radius, self.middle = torch.tensor(radius, requires_grad=True), torch.tensor(middle)
        self.asked = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.asked = len(points)
        return self.radius - (points - self.middle * torch.tensor((0.0, 1, 0))).norm(dim=-1)

    def on_grid(self, grid: Axes) -> Tensor:
        assert not torch.is_grad_enabled()
        points = torch.stack(torch.meshgrid(*grid, indexing="ij"), -1)
        return self(points.view(-1, 3)).view(points.shape[:3])


def test_the_ellipsoid_has_its_semi_axes() -> None:
    tips = torch.tensor(((1.05, 0, 0), (0, -1.05, 0), (0, 0, 2.1), (0, 0, 0)))
    assert torch.allclose(ellipsoid(tips, 1.05, 2.0), torch.tensor((0, 0, 0, 1.05)), atol=1e-5)


@pytest.mark.parametrize("jitter", (0.0, 0.3, -0.3))
def test_the_surface_is_closed_outward_and_symmetric_on_any_grid(jitter: float) -> None:
    mesh = zero_surface(Ball(1.5), axes(16, 3.5, jitter, CPU))
    solid = trimesh.Trimesh(mesh.vertices[0].detach().numpy(), mesh.faces.numpy(), process=False)
    assert solid.is_watertight and solid.is_winding_consistent and solid.euler_number == 2
    assert solid.volume == pytest.approx(4 / 3 * torch.pi * 1.5**3, rel=0.08)
    points = {tuple(vertex) for vertex in mesh.vertices[0].tolist()}
    assert {(-x + 0.0, y, z) for x, y, z in points} == {(x + 0.0, y, z) for x, y, z in points}


@pytest.mark.parametrize("jitter", (0.0, 0.3))
def test_looking_closely_only_near_the_surface_finds_what_looking_everywhere_finds(jitter: float) -> None:
    bumps, grid = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), axes(32, 3.5, jitter, CPU)

    class Bumpy(Ball):
        def __call__(self, points: Tensor) -> Tensor:
            return 0.25 - torch.cdist(points, bumps).amin(-1)

    bumpy = Bumpy(0.0)
    with torch.no_grad():
        everywhere = bumpy.on_grid(grid) > 0
        assert torch.equal(sdf._inside(bumpy, grid), everywhere) and everywhere.sum() > 20


def test_a_growing_ball_moves_its_surface_outwards_at_unit_speed() -> None:
    ball = Ball(1.5)
    mesh = zero_surface(ball, axes(32, 3.5, 0.0, CPU))
    mesh.vertices.norm(dim=-1).mean().backward()
    assert ball.radius.grad.item() == pytest.approx(1, abs=0.05)


def test_only_ends_of_crossed_edges_on_one_side_are_asked_with_gradient() -> None:
    ball = Ball(1.5)
    mesh = zero_surface(ball, axes(32, 3.5, 0.0, CPU))
    assert ball.asked < mesh.vertices.shape[1]


def test_a_surface_that_would_leave_the_grid_is_closed_at_its_rim() -> None:
    mesh = zero_surface(Ball(3.0, middle=2.0), axes(16, 3.5, 0.0, CPU))
    assert trimesh.Trimesh(mesh.vertices[0].detach().numpy(), mesh.faces.numpy(), process=False).is_watertight
    assert mesh.vertices.abs().max() <= 3.5


def test_a_vanished_surface_is_an_error_of_the_training() -> None:
    with pytest.raises(TrainingDiverged, match="vanished"):
        zero_surface(Ball(-1.0), axes(16, 3.5, 0.0, CPU))


@pytest.mark.parametrize("resolution", (2, 17, 18))
def test_an_unfit_grid_is_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"is {resolution}; give a multiple of 4"):
        axes(resolution, 3.5, 0.0, CPU)
