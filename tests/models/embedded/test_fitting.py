import pytest
import torch
from torch import nn

from models.core.errors import TrainingDiverged
from models.embedded.fitting import Recipe, fit

RECIPE = Recipe(steps=40, rate=0.05, save_every=10, average=0.5)


def network():
    torch.manual_seed(0)
    return nn.Linear(2, 1)


def line(net):
    """Learn y = x0 - x1 from random points."""

    def loss(step, generator):
        x = torch.randn(16, 2, generator=generator)
        return (net(x)[:, 0] - (x[:, 0] - x[:, 1])).square().mean()

    return loss


def test_it_learns(tmp_path):
    net = network()
    average = fit(net, line(net), RECIPE.model_copy(update={"steps": 200}), tmp_path / "line.pt")
    assert torch.allclose(average.weight, torch.tensor([[1.0, -1.0]]), atol=0.05)


def test_a_run_that_was_killed_repeats_the_numbers_of_one_that_was_not(tmp_path):
    whole = network()
    fit(whole, line(whole), RECIPE, tmp_path / "whole.pt")

    cut, seen = network(), []

    def killed(step, generator):
        seen.append(step)
        if step == 25:
            raise KeyboardInterrupt
        return line(cut)(step, generator)

    with pytest.raises(KeyboardInterrupt):
        fit(cut, killed, RECIPE, tmp_path / "cut.pt")
    again = network()
    fit(again, line(again), RECIPE, tmp_path / "cut.pt")
    assert torch.equal(again.weight, whole.weight) and torch.equal(again.bias, whole.bias)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    net = network()
    with pytest.raises(TrainingDiverged, match="no number as loss at step 0"):
        fit(net, lambda step, generator: net.weight.sum() * float("nan"), RECIPE, tmp_path / "nan.pt")


def test_the_rate_warms_up_and_falls():
    rates = [RECIPE.rate_at(step) for step in range(RECIPE.steps + 1)]
    assert max(rates) == pytest.approx(RECIPE.rate, rel=0.1) and rates[0] < 0.1 * RECIPE.rate > rates[-1]
