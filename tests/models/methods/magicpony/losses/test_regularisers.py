import torch

from models.methods.magicpony.losses.regularisers import articulation, deformation, eikonal
from tests.models.methods.magicpony.losses.test_reconstruction import prediction

SURFACE = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))


def error(sdf: object) -> torch.Tensor:
    return eikonal(sdf, SURFACE, half_extent=3.5, points=200, generator=torch.Generator().manual_seed(1))


def test_a_distance_field_has_no_eikonal_error() -> None:
    assert error(lambda points: 1 - points.norm(dim=-1)) < 1e-6


def test_a_field_twice_too_steep_has_error_one() -> None:
    assert torch.isclose(error(lambda points: 2 * points[:, 0]), torch.tensor(1.0))


def test_a_flat_field_has_a_finite_gradient() -> None:
    scale = torch.zeros(1, requires_grad=True)
    error(lambda points: scale * points[:, 0]).backward()
    assert scale.grad.isfinite().all()


def test_the_same_generator_gives_the_same_places() -> None:
    def curved(points: torch.Tensor) -> torch.Tensor:
        return points.square().sum(-1)

    assert error(curved) == error(curved)


def test_absent_parts_are_not_judged() -> None:
    still = prediction(torch.zeros(2), torch.ones(2))
    assert articulation(still) is None
    assert deformation(still) is None


def test_present_parts_cost_their_mean_square() -> None:
    from dataclasses import replace

    moved = replace(
        prediction(torch.zeros(2), torch.ones(2)), angles=torch.full((2, 4, 3), 0.5), deformation=torch.ones(2, 3, 3)
    )
    assert articulation(moved) == 0.25
    assert deformation(moved) == 1
