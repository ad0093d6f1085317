"""Which end of the animals is the head, where no prompt has said from where they are seen: as the photos agree."""

import logging

import torch
from jaxtyping import Float
from torch import Tensor

from models.data.crops import Crops
from models.features.head_direction import agree_on_directions
from models.methods.magicpony.reconstruction import AnimalReconstructor

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Crops that are looked at together."""


def label_heads(crops: Crops, model: AnimalReconstructor) -> None:
    """Tell the crops which side their heads are on, by the features that go with the heads that the model guesses.

    Where prompts have said a view of any of them, they stay as they are.
    """
    if crops.views_known:
        return
    found = [_look(crops, model, rows) for rows in torch.arange(len(crops)).split(AT_ONCE)]
    keys, masks, guesses = (torch.cat(parts) for parts in zip(*found, strict=True))
    heading = agree_on_directions(keys, masks > 0.5, guesses)
    against = int((heading * guesses < 0).sum())
    logger.info(
        "the photos agree on the head's side in %d of %d crops, in %d against the start",
        heading.count_nonzero(),
        len(crops),
        against,
    )
    crops.label_heads(heading)


@torch.no_grad()
def _look(
    crops: Crops, model: AnimalReconstructor, rows: Tensor
) -> tuple[Float[Tensor, "rows channels height width"], Float[Tensor, "rows size size"], Float[Tensor, " rows"]]:
    """Keys and masks of some crops, and how far to the right the model sees their heads, -1 to 1."""
    batch = crops.batch(rows)
    # The camera at +x of the animal sees its head on the left.
    guesses = -model.predict(batch).camera.azimuth.sin()
    keys = model.animal.tokens(batch, False)[1]
    return keys.cpu(), batch.mask.cpu(), guesses.cpu()
