"""The running mean of a network's weights, which answers better than the last weights do."""

import torch
from torch import nn


@torch.no_grad()
def update_ema(mean: nn.Module, network: nn.Module, decay: float) -> None:
    """Move `mean` towards `network`, a module of the same kind: mean <- decay mean + (1 - decay) network.

    Buffers that are counts, as of batch normalisation, are copied.
    """
    for average, value in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if average.dtype.is_floating_point:
            average.lerp_(value.to(average), 1 - decay)
        else:
            average.copy_(value)


def warmed_up_decay(decay: float, step: int) -> float:
    """`decay`, and less in the first steps, so that the random weights of the start are soon forgotten."""
    return min(decay, (step + 1) / (step + 10))
