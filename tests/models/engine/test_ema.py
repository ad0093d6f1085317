"""The mean is the sum that it stands for, whatever the decay is at each step."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from models.engine.ema import update_ema, warmed_up_decay


def networks(count: int) -> list[nn.Module]:
    """Networks of one kind with other weights and other statistics."""
    made: list[nn.Module] = []
    for seed in range(count):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        network(torch.randn(5 + seed, 3))
        made.append(network)
    return made


def test_it_is_the_geometric_sum_of_all_weights_and_running_statistics() -> None:
    first, *later = networks(4)
    mean = deepcopy(first)
    for network in later:
        update_ema(mean, network, 0.75)
    shares = (0.75**3, 0.25 * 0.75**2, 0.25 * 0.75, 0.25)
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            states = [network.state_dict()[name] for network in (first, *later)]
            expected = torch.stack([share * state for share, state in zip(shares, states, strict=True)]).sum(0)
            torch.testing.assert_close(value, expected)


def test_without_decay_it_is_the_network_and_counts_are_copied() -> None:
    mean, network = networks(2)
    network(torch.randn(4, 3))
    update_ema(mean, network, 0.0)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in mean.state_dict().items())
    assert mean.state_dict()["1.num_batches_tracked"] == 2


def test_a_network_that_stays_is_its_own_mean() -> None:
    network = networks(1)[0]
    mean = deepcopy(network)
    update_ema(mean, network, 0.9)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in mean.state_dict().items())


def test_no_gradient_flows_into_the_mean() -> None:
    mean, network = networks(2)
    update_ema(mean, network, 0.5)
    assert all(weight.grad_fn is None and weight.is_leaf for weight in mean.parameters())


def test_the_decay_grows_to_its_own_value_and_the_start_weighs_next_to_nothing() -> None:
    decays = [warmed_up_decay(0.99, step) for step in range(2000)]
    assert decays == sorted(decays) and decays[0] == pytest.approx(0.1) and decays[-1] == 0.99
    weight_of_start = torch.tensor(decays[:20], dtype=torch.float64).prod()
    assert weight_of_start < 1e-3 < 0.99**20
