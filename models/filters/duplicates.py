"""Near-duplicate pictures: a perceptual hash finds the pairs that look alike, a vision transformer confirms them.

The hash is the 64-bit pHash of Zauner 2010. Both measure crops, so a picture that was moved or enlarged is known again.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import UInt8, UInt64
from numpy import ndarray
from PIL import Image
from pydantic import Field
from torch.nn.functional import cosine_similarity

from models.core.config import Config
from models.features.vit import Vit

HASHED_PX, LOW = 32, 8
"""Pixels along an edge of the picture that is hashed, and frequencies along an edge that make the hash."""


class DuplicateRules(Config):
    """Thresholds."""

    bits: int = Field(default=4, ge=0, le=64, description="most bits of 64 in which the hashes of a pair differ")
    distance: float = Field(
        default=0.1, ge=0, description="largest cosine distance of a pair's tokens, mean over the positions"
    )


def phash(picture: UInt8[ndarray, "height width 3"]) -> int:
    """64 bits, one for each low cosine frequency: whether it is stronger than the median."""
    from scipy.fft import dctn

    grey = Image.fromarray(picture).convert("L").resize((HASHED_PX, HASHED_PX), Image.Resampling.LANCZOS)
    low = np.asarray(dctn(np.asarray(grey, float)))[:LOW, :LOW].ravel()
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def near_duplicates(
    hashes: UInt64[ndarray, " count"], alike: Callable[[int, int], bool], rules: DuplicateRules
) -> dict[int, int]:
    """The first earlier picture that each near-duplicate resembles, by number.

    A picture is compared with those before it that were kept, so what comes later changes no verdict. `alike` is asked
    about pairs whose hashes are near.
    """
    kept, numbers, count = np.empty_like(hashes), np.empty(len(hashes), int), 0
    duplicates: dict[int, int] = {}
    for number, code in enumerate(hashes):
        near = numbers[:count][np.bitwise_count(kept[:count] ^ code) <= rules.bits]
        twin = next((int(other) for other in near if alike(int(other), number)), None)
        if twin is not None:
            duplicates[number] = twin
            continue
        kept[count], numbers[count] = code, number
        count += 1
    return duplicates


def token_distance(vit: Vit, one: UInt8[ndarray, "size size 3"], other: UInt8[ndarray, "size size 3"]) -> float:
    """Cosine distance of the tokens at one position of two pictures, mean over the positions."""
    device = next(vit.network.parameters()).device
    pair = torch.from_numpy(np.stack((one, other))).to(device) / 255
    tokens, _ = vit.tokens(pair)
    return float(1 - cosine_similarity(tokens[0], tokens[1], dim=0).mean())
