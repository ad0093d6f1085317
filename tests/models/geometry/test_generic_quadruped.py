import torch
import trimesh

from models.core.category import Skeleton
from models.geometry.generic_quadruped import generic_quadruped
from models.geometry.sdf import STEEPEST, Axes, axes, zero_surface
from models.geometry.skeleton import attach, feet, joints, spine

CPU = torch.device("cpu")


class Shape:
    """The quadruped as `zero_surface` asks for it."""

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        return generic_quadruped(points)

    def on_grid(self, grid: Axes) -> torch.Tensor:
        return generic_quadruped(torch.stack(torch.meshgrid(*grid, indexing="ij"), -1))


def solid() -> trimesh.Trimesh:
    mesh = zero_surface(Shape(), axes(48, 3.5, 0.0, CPU))
    return trimesh.Trimesh(mesh.vertices[0].numpy(), mesh.faces.numpy(), process=False)


def test_it_is_one_closed_body_on_four_legs_that_stand_apart() -> None:
    body = solid()
    assert body.is_watertight and body.euler_number == 2 and body.body_count == 1
    section = body.section(plane_origin=(0, -1.5, 0), plane_normal=(0, 1, 0))
    assert section is not None
    middles = sorted(
        (round(float(path[:, 0].mean()), 1), round(float(path[:, 2].mean()), 1)) for path in section.discrete
    )
    assert middles == [(-0.4, -1.2), (-0.4, 1.0), (0.4, -1.2), (0.4, 1.0)]


def test_its_head_is_in_front_and_above_and_its_tail_behind() -> None:
    front, rear = spine(torch.tensor(solid().vertices[None], dtype=torch.float32), Skeleton())[0, (0, 4), 1]
    assert front[2] > 2 and rear[2] < -2 and front[1] > rear[1] + 0.5


def test_the_skeleton_finds_a_foot_on_each_leg_and_hangs_them_on_both_halves_of_the_spine() -> None:
    vertices = torch.tensor(solid().vertices[None], dtype=torch.float32)
    found = feet(vertices, 4)[0]
    wanted = torch.tensor(((0.42, -1.95, 1.0), (0.42, -1.95, -1.2), (-0.42, -1.95, -1.2), (-0.42, -1.95, 1.0)))
    assert (found - wanted).norm(dim=-1).max() < 0.2
    attachment = attach(vertices, Skeleton())
    assert (attachment[:2] < torch.tensor((4, 8))).all() and attachment[1] >= 4
    assert joints(vertices, Skeleton(), attachment).isfinite().all()


def test_it_is_nearly_a_distance_positive_inside_and_mirrored() -> None:
    points = (torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) - 0.5) * 7
    value = generic_quadruped(points)
    assert torch.equal(value, generic_quadruped(points * torch.tensor((-1.0, 1, 1))))
    assert generic_quadruped(torch.zeros(1, 3)) > 0.5 and value[points.norm(dim=-1) > 3.2].max() < 0
    step = 1e-2 * torch.nn.functional.normalize(
        torch.randn(4000, 3, generator=torch.Generator().manual_seed(1)), dim=-1
    )
    assert ((generic_quadruped(points + step) - value).abs() / 1e-2).max() < STEEPEST
