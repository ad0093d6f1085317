"""An optimiser steps as scheduled and clipped, and never into the void."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from models.core.schedule import Schedule
from models.engine.optimiser import Optimiser


def point(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values))


def descent(*groups: nn.Parameter, rate: float = 1.0, **knobs: object) -> Optimiser:
    """Plain gradient descent with a group for each parameter, so that a step is the gradient itself."""
    return Optimiser(torch.optim.SGD([{"params": [each], "lr": rate} for each in groups]), **knobs)


def slope(parameter: nn.Parameter, *gradient: float) -> Tensor:
    """A loss with this gradient."""
    return (parameter * torch.tensor(gradient)).sum()


def bottomless(parameter: nn.Parameter) -> Tensor:
    """Finite, but its gradient is not."""
    return (parameter * 0).abs().sqrt().sum()


def test_each_group_is_clipped_on_its_own() -> None:
    steep, gentle = point(0.0, 0.0), point(0.0)
    descent(steep, gentle).update(slope(steep, 30.0, 40.0) + slope(gentle, 0.5), 0.0)
    assert torch.allclose(steep, torch.tensor([-0.6, -0.8]), atol=1e-4), "shortened to a norm of 1"
    assert gentle.item() == -0.5, "not shortened for what the other group does"


def test_the_reported_norm_is_that_before_clipping() -> None:
    steep, gentle = point(0.0, 0.0), point(0.0)
    norm = descent(steep, gentle).update(slope(steep, 3.0, 4.0) + slope(gentle, 12.0), 0.0)
    assert norm.item() == pytest.approx(13)
    assert not norm.requires_grad


def test_without_a_largest_norm_nothing_is_clipped() -> None:
    steep = point(0.0, 0.0)
    descent(steep, clip=None).update(slope(steep, 30.0, 40.0), 0.0)
    assert steep.tolist() == [-30, -40]


def test_the_schedule_is_a_factor_on_the_rate_of_every_group() -> None:
    one, other = point(0.0), point(0.0)
    optimizer = torch.optim.SGD([{"params": [one], "lr": 0.5}, {"params": [other], "lr": 0.1}])
    optimiser = Optimiser(optimizer, Schedule({0.0: 1.0, 1.0: 0.0}))
    for progress in (0.5, 0.75, 0.0):
        before = one.item(), other.item()
        optimiser.update(slope(one, 1.0) + slope(other, 1.0), progress)
        moved = before[0] - one.item(), before[1] - other.item()
        assert moved == pytest.approx((0.5 * (1 - progress), 0.1 * (1 - progress)))


@pytest.mark.parametrize("broken", [bottomless, lambda parameter: slope(parameter, float("inf"), 1.0)])
def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted(broken) -> None:
    ours, theirs = point(1.0, 2.0), point(3.0)
    optimiser = Optimiser(torch.optim.Adam([{"params": [ours]}, {"params": [theirs]}], lr=0.1))
    optimiser.update(slope(ours, 1.0, 1.0) + slope(theirs, 1.0), 0.0)
    before, state = (ours.tolist(), theirs.tolist()), deepcopy(optimiser.optimizer.state_dict()["state"])
    norm = optimiser.update(broken(ours) + slope(theirs, 1.0), 0.0)
    assert (ours.tolist(), theirs.tolist()) == before
    assert (optimiser.skipped, norm.item()) == (1, 0)
    after = optimiser.optimizer.state_dict()["state"]
    assert all(torch.equal(after[row][name], state[row][name]) for row in state for name in state[row])


def test_no_gradient_is_left_for_the_next_step() -> None:
    ours = point(1.0)
    optimiser = descent(ours, clip=None)
    for loss in (slope(ours, 2.0), bottomless(ours), slope(ours, 2.0)):
        optimiser.update(loss, 0.0)
        assert ours.grad is None
    assert (ours.item(), optimiser.skipped) == (-3, 1)


def test_gradients_of_several_losses_add_up_until_they_are_applied() -> None:
    ours = point(0.0)
    optimiser = descent(ours, clip=None)
    slope(ours, 2.0).backward()
    slope(ours, 3.0).backward()
    assert optimiser.apply(0.0).item() == 5
    assert ours.item() == -5


def test_weights_are_touched_from_an_update_until_it_settles() -> None:
    ours = point(0.0)
    optimiser = descent(ours)
    assert not optimiser.touched
    optimiser.update(slope(ours, 1.0), 0.0)
    assert optimiser.touched
    optimiser.settle()
    assert not optimiser.touched


def test_weights_count_as_touched_while_they_are_being_stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    ours = point(0.0)
    optimiser = descent(ours)
    monkeypatch.setattr(optimiser.optimizer, "step", stopped)
    with pytest.raises(KeyboardInterrupt):
        optimiser.update(slope(ours, 1.0), 0.0)
    assert optimiser.touched


def test_a_state_that_was_written_goes_on_to_the_same_bits() -> None:
    def made() -> tuple[nn.Parameter, Optimiser]:
        ours = point(1.0, -2.0)
        return ours, Optimiser(torch.optim.Adam([ours], lr=0.1), Schedule({0.0: 1.0, 1.0: 0.2}))

    def run(ours: nn.Parameter, optimiser: Optimiser, steps: range) -> None:
        for step in steps:
            optimiser.update((ours - step).square().sum() if step != 2 else bottomless(ours), step / 8)

    straight, optimiser = made()
    run(straight, optimiser, range(8))
    halfway, first = made()
    run(halfway, first, range(5))
    continued, second = made()
    continued.data.copy_(halfway.data)
    second.load_state_dict(deepcopy(first.state_dict()))
    assert second.skipped == 1
    run(continued, second, range(5, 8))
    assert torch.equal(straight, continued)
    assert second.rates == [0.1], "the schedule multiplies the rate of the start, not the last one"
