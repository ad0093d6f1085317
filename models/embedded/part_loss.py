"""The loss of predicting which part of the animal is where, which teaches networks what they see."""

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, UInt8
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import avg_pool2d, one_hot

from models.truth.barnyard.rig import PARTS


def merged_parts() -> tuple[tuple[str, ...], UInt8[ndarray, " parts"]]:
    """Names of the parts with left and right as one, and the table from `rig.PARTS` to them."""
    plain = [name.removeprefix("left_").removeprefix("right_") for name in PARTS]
    names = tuple(dict.fromkeys(plain))
    return names, np.array([names.index(name) for name in plain], np.uint8)


def part_weights(parts: Integer[ndarray, "*shape"], count: int) -> Float[Tensor, " parts"]:
    """Class weights that lift rare parts; with equal weights nine tenths of the loss are background and torso."""
    frequency = np.bincount(parts.ravel(), minlength=count) / parts.size
    return torch.from_numpy(np.maximum(frequency, 1e-4) ** -0.5).float()


def soft_part_cross_entropy(
    logits: Float[Tensor, "batch parts rows columns"],
    part: Int[Tensor, "batch height width"],
    weight: Float[Tensor, " parts"],
) -> Float[Tensor, ""]:
    """Class-weighted cross-entropy against per-cell part proportions."""
    cell = part.shape[-1] // logits.shape[-1]
    shares = avg_pool2d(one_hot(part, logits.shape[1]).permute(0, 3, 1, 2).float(), cell)
    weighted = weight[:, None, None] * shares
    return -(weighted * logits.log_softmax(1)).sum() / weighted.sum()
