"""How every embedded network learns: AdamW with warm-up and cosine decay, and the running mean of the weights.

A transformer's hidden matrices may learn by Muon instead (Jordan et al. 2024): steps of orthogonal matrices.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import cos, pi
from types import MappingProxyType
from typing import TypeVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from models.engine.ema import update_ema, warmed_up_decay
from models.engine.loop import Checkpoints, LoopConfig, Values, fit
from models.engine.optimiser import Optimiser

Network = TypeVar("Network", bound=nn.Module)
Loss = Callable[[int, torch.Generator], Float[Tensor, ""]]
"""Takes (step, generator); the generator depends on the seed and the step alone."""
NO_FACTORS: Mapping[str, float] = MappingProxyType({})
WARM_UP = 0.02
"""Share of the run over which the learning rate rises."""


class FitConfig(LoopConfig):
    """How long and how fast a network learns."""

    batch: int = Field(default=32, ge=1, description="pictures per step")
    rate: float = Field(
        default=1e-3, gt=0, description="highest learning rate; warms up over 2 % and falls along a cosine"
    )
    muon_rate: float | None = Field(
        default=None, gt=0, description="highest rate of Muon on the matrices of a transformer's layers; none for AdamW"
    )
    weight_decay: float = Field(default=0.01, ge=0, description="weight decay of AdamW and Muon")
    ema_decay: float = Field(default=0.999, ge=0, lt=1, description="decay of the running mean of the weights")
    save_every: int = Field(default=200, ge=1, description="steps between checkpoints")


@dataclass(frozen=True)
class WarmUpCosine:
    """A linear warm-up, then a cosine down to a thousandth (SGDR, Loshchilov and Hutter 2017, without restarts)."""

    def at(self, progress: float) -> float:
        """The factor on the learning rate at a share of the run."""
        return min(1.0, progress / WARM_UP + 1e-3) * (0.5 + 0.5 * cos(pi * min(progress, 1.0))) + 1e-3


def train_network(
    network: Network, loss: Loss, recipe: FitConfig, checkpoints: Checkpoints, factors: Mapping[str, float] = NO_FACTORS
) -> Network:
    """Minimise `loss` over the network's weights, from the newest checkpoint on; returns their running mean.

    `factors` are factors on the learning rate of the weights whose names begin so.
    """
    mean = deepcopy(network).requires_grad_(False)
    fit(_Learner(network, mean, loss, recipe, factors), recipe, checkpoints)
    return mean


class _Learner:
    """One network with one loss."""

    def __init__(
        self, network: nn.Module, mean: nn.Module, loss: Loss, recipe: FitConfig, factors: Mapping[str, float]
    ) -> None:
        self.network, self.mean, self.loss, self.recipe = network, mean, loss, recipe
        named, decay = dict(network.named_parameters()), recipe.weight_decay
        matrices = [] if recipe.muon_rate is None else hidden_matrices(network)
        rest = {name: parameter for name, parameter in named.items() if name not in matrices}
        groups = [
            {
                "params": [rest.pop(name) for name in list(rest) if name.startswith(prefix)],
                "lr": factor * recipe.rate,
            }
            for prefix, factor in factors.items()
        ]
        groups.append({"params": list(rest.values())})
        adam = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=decay)
        self._optimisers = {"network": Optimiser(adam, WarmUpCosine())}
        if recipe.muon_rate is not None and matrices:
            # Its updates are scaled to the size of AdamW's, so that both take rates of one kind (Liu et al. 2025).
            muon = torch.optim.Muon(
                [named[name] for name in matrices],
                lr=recipe.muon_rate,
                weight_decay=decay,
                adjust_lr_fn="match_rms_adamw",
            )
            self._optimisers["matrices"] = Optimiser(muon, WarmUpCosine())

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The network and its running mean."""
        return {"network": self.network, "mean": self.mean}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """AdamW, and Muon where the recipe has it."""
        return self._optimisers

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        loss = self.loss(number, generator)
        loss.backward()
        norm = torch.stack([optimiser.apply(progress) for optimiser in self._optimisers.values()]).norm()
        update_ema(self.mean, self.network, warmed_up_decay(self.recipe.ema_decay, number))
        return {"loss": loss.detach(), "gradient_norm": norm}

    def panel(self, progress: float) -> None:
        """There are no pictures."""


def hidden_matrices(network: nn.Module) -> list[str]:
    """Names of the two-dimensional weights within a transformer's `layers`."""
    return [name for name, parameter in network.named_parameters() if parameter.ndim == 2 and ".layers." in name]
