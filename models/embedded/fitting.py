"""One small, seeded, resumable training loop for all shipped weights."""

import logging
import os
import time
from collections.abc import Callable
from copy import deepcopy
from math import cos, pi
from pathlib import Path
from typing import TypeVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.errors import TrainingDiverged

log = logging.getLogger(__name__)

Network = TypeVar("Network", bound=nn.Module)


class Recipe(Config):
    """How long and how fast a network learns."""

    steps: int = Field(default=1000, ge=1, description="optimiser steps")
    batch: int = Field(default=32, ge=1, description="pictures per step")
    rate: float = Field(
        default=1e-3, gt=0, description="highest learning rate; warms up over 2 % and falls along a cosine"
    )
    decay: float = Field(default=0.01, ge=0, description="weight decay")
    average: float = Field(default=0.999, ge=0, lt=1, description="decay of the running mean of the weights")
    seed: int = Field(default=0, ge=0, description="of weights and data order")
    save_every: int = Field(default=200, ge=1, description="steps between checkpoints")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        share = step / self.steps
        return self.rate * (min(1.0, share / 0.02 + 1e-3) * (0.5 + 0.5 * cos(pi * min(share, 1.0))) + 1e-3)


def fit(
    network: Network, loss: Callable[[int, torch.Generator], Float[Tensor, ""]], recipe: Recipe, checkpoint: Path
) -> Network:
    """Minimise `loss(step, generator)` over the network's weights; gives their running mean.

    The generator depends on the seed and the step alone, so a run resumed from `checkpoint` repeats the numbers of an
    uninterrupted one.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.decay)
    average = deepcopy(network).requires_grad_(False)
    start = _resume(checkpoint, network, average, optimizer)
    begun, total = time.monotonic(), 0.0
    for step in range(start, recipe.steps):
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(step)
        value = loss(step, generator)
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _follow(average, network, min(recipe.average, (step + 1) / (step + 10)))
        total += value.item()
        if total != total:
            raise TrainingDiverged(f"{checkpoint}: no number as loss at step {step}; lower the rate {recipe.rate}")
        if (step + 1) % 50 == 0:
            rate = (step + 1 - start) / (time.monotonic() - begun)
            log.info("step %05d/%d | loss %.4f | %.2f it/s", step + 1, recipe.steps, total / 50, rate)
            total = 0.0
        if (step + 1) % recipe.save_every == 0 or step + 1 == recipe.steps:
            _save(checkpoint, step + 1, network, average, optimizer)
    return average


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value.to(mean), 1 - decay)
        else:
            mean.copy_(value)


def _save(path: Path, step: int, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    state = {"network": network.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({"step": step, **state}, partial)
    partial.replace(path)


def _resume(path: Path, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]
