"""From 0 to 1 without a corner."""

from typing import TypeVar

import torch
from numpy import ndarray

Numbers = TypeVar("Numbers", ndarray, torch.Tensor)


def smoothstep(values: Numbers, low: float, high: float) -> Numbers:
    """0 up to `low`, 1 from `high` on; values of any shape."""
    share = ((values - low) / (high - low)).clip(0, 1)
    return share * share * (3 - 2 * share)
