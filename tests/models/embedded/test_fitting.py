import pytest
import torch
from torch import nn

from models.core.errors import TrainingDiverged
from models.embedded.fitting import FitConfig, WarmUpCosine, train_network
from models.engine.loop import NoCheckpoints
from tests.models.engine.test_loop import Shelf

RECIPE = FitConfig(steps=40, rate=0.05, save_every=10, ema_decay=0.5)


def network():
    torch.manual_seed(0)
    return nn.Linear(2, 1)


def line(net):
    """Learn y = x0 - x1 from random points."""

    def loss(step, generator):
        x = torch.randn(16, 2, generator=generator)
        return (net(x)[:, 0] - (x[:, 0] - x[:, 1])).square().mean()

    return loss


def test_it_learns():
    net = network()
    average = train_network(net, line(net), RECIPE.model_copy(update={"steps": 200}), NoCheckpoints())
    assert torch.allclose(average.weight, torch.tensor([[1.0, -1.0]]), atol=0.05)


def test_a_run_that_was_killed_repeats_the_numbers_of_one_that_was_not():
    whole = network()
    straight = train_network(whole, line(whole), RECIPE, Shelf())

    cut, seen, shelf = network(), [], Shelf()

    def killed(step, generator):
        seen.append(step)
        if step == 25:
            raise KeyboardInterrupt
        return line(cut)(step, generator)

    with pytest.raises(KeyboardInterrupt):
        train_network(cut, killed, RECIPE, shelf)
    again = network()
    continued = train_network(again, line(again), RECIPE, shelf)
    assert torch.equal(again.weight, whole.weight) and torch.equal(again.bias, whole.bias)
    assert torch.equal(continued.weight, straight.weight) and not torch.equal(continued.weight, again.weight)


def test_a_loss_that_is_no_number_stops_the_run():
    net = network()
    with pytest.raises(TrainingDiverged, match="loss is nan at step 0"):
        train_network(net, lambda step, generator: net.weight.sum() * float("nan"), RECIPE, NoCheckpoints())


def test_the_rate_warms_up_and_falls():
    factors = [WarmUpCosine().at(step / 40) for step in range(41)]
    assert max(factors) == pytest.approx(1, rel=0.1) and factors[0] < 0.1 > factors[-1]
    assert factors[2:] == sorted(factors[2:], reverse=True)
