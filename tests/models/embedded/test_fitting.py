import pytest
import torch
from torch import nn

from models.core.errors import TrainingDiverged
from models.embedded.fitting import FitConfig, WarmUpCosine, hidden_matrices, train_network
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


class Stack(nn.Module):
    """Two layers as a transformer's, and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Module()
        self.body.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        for layer in self.body.layers:
            x = layer(x).relu()
        return self.head(x)


def square(net):
    return lambda step, generator: (net(torch.randn(16, 8, generator=generator)) - 1).square().mean()


def test_muon_turns_hidden_matrices_by_orthogonal_steps_and_leaves_the_rest_to_adamw():
    net, plain = Stack(), Stack()
    before = net.body.layers[0].weight.detach().clone()
    recipe = FitConfig(steps=1, rate=1e-3, weight_decay=0.0, muon_rate=0.1)
    train_network(net, square(net), recipe, NoCheckpoints())
    train_network(plain, square(plain), recipe.model_copy(update={"muon_rate": None}), NoCheckpoints())
    assert hidden_matrices(net) == ["body.layers.0.weight", "body.layers.1.weight"]
    moved = torch.linalg.svdvals(net.body.layers[0].weight.detach() - before)
    # Newton and Schulz's iteration brings the singular values of a gradient of full rank near each other.
    assert moved[3] > 0.3 * moved[0]
    assert torch.equal(net.head.weight, plain.head.weight)
    assert not torch.equal(net.body.layers[0].weight, plain.body.layers[0].weight)


def test_muon_too_goes_on_from_a_checkpoint_to_the_bit():
    recipe = FitConfig(steps=20, rate=1e-2, muon_rate=1e-2, save_every=5)
    whole, cut, again, shelf = Stack(), Stack(), Stack(), Shelf()
    train_network(whole, square(whole), recipe, NoCheckpoints())

    def killed(step, generator):
        if step == 13:
            raise KeyboardInterrupt
        return square(cut)(step, generator)

    with pytest.raises(KeyboardInterrupt):
        train_network(cut, killed, recipe, shelf)
    train_network(again, square(again), recipe, shelf)
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), whole.parameters(), strict=True))


def test_a_factor_slows_the_weights_whose_names_begin_so():
    slow, plain = Stack(), Stack()
    before = {name: parameter.detach().clone() for name, parameter in slow.named_parameters()}
    recipe = FitConfig(steps=1, rate=1e-2, weight_decay=0.0)
    train_network(slow, square(slow), recipe, NoCheckpoints(), {"body.": 0.1})
    train_network(plain, square(plain), recipe, NoCheckpoints())
    for (name, slowed), usual in zip(slow.named_parameters(), plain.parameters(), strict=True):
        factor = 0.1 if name.startswith("body.") else 1.0
        # Adam's first step does not depend on how large a gradient is.
        assert torch.allclose(slowed - before[name], factor * (usual - before[name]), atol=1e-6)
