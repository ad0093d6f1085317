"""Which part of the animal is where: what networks are asked that have to know what they see."""

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


def balance(parts: Integer[ndarray, "*shape"], count: int) -> Float[Tensor, " parts"]:
    """Weights that lift rare parts: with one to all, nine tenths of the loss are background and torso."""
    seen = np.bincount(parts.ravel(), minlength=count) / parts.size
    return torch.from_numpy(np.maximum(seen, 1e-4) ** -0.5).float()


def unnamed(
    logits: Float[Tensor, "batch parts rows columns"],
    part: Int[Tensor, "batch height width"],
    weight: Float[Tensor, " parts"],
) -> Float[Tensor, ""]:
    """Weighted cross entropy of what each cell of a map shows, where a cell may show several parts."""
    cell = part.shape[-1] // logits.shape[-1]
    shares = avg_pool2d(one_hot(part, logits.shape[1]).permute(0, 3, 1, 2).float(), cell)
    told = weight[:, None, None] * shares
    return -(told * logits.log_softmax(1)).sum() / told.sum()
