import pytest
import torch

from models.engine.lbfgs import minimise


def valley(values: torch.Tensor) -> torch.Tensor:
    """Rosenbrock's; its lowest point is (1, 1)."""
    x, y = values.unbind(1)
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


START = torch.tensor([[-1.2, 1.0], [2.0, -1.0], [0.0, 3.0]])


def test_every_row_finds_the_bottom_of_a_bent_valley():
    minimum = minimise(valley, START.double(), 60)
    assert (minimum.values - 1).abs().max() < 1e-4
    assert torch.allclose(minimum.energy, valley(minimum.values))


def test_the_energy_never_increases():
    steps = minimise(valley, START, 40).history
    assert (steps[1:] <= steps[:-1]).all() and len(steps) == 41


def test_a_row_goes_its_own_way_in_any_company():
    together = minimise(valley, START.double(), 25).values
    alone = torch.cat([minimise(valley, row[None].double(), 25).values for row in START])
    assert torch.allclose(together, alone, atol=1e-9)


def test_what_is_not_free_stays():
    minimum = minimise(valley, START, 30, torch.tensor([True, False]))
    assert torch.equal(minimum.values[:, 1], START[:, 1])
    assert (minimum.energy < valley(START)).all()


def test_a_step_into_what_is_not_a_number_is_not_taken():
    def wall(values: torch.Tensor) -> torch.Tensor:
        return (values - values.log()).sum(1)  # not a number below 0, lowest at 1

    minimum = minimise(wall, torch.tensor([[5.0, 0.1]]), 30)
    assert minimum.energy.isfinite().all() and (minimum.values - 1).abs().max() < 1e-2


def test_a_start_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="energies at the start"):
        minimise(lambda values: values.log().sum(1), torch.tensor([[-1.0]]), 3)
