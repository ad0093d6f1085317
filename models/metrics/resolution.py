"""The same crops for methods that read crops of different sizes."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from models.data.batch import Batch
from models.rendering.reconstruction import Reconstruction, Reconstructor


@dataclass(frozen=True)
class AtResolution:
    """A method that is shown every crop at the size that it reads; its answers are drawn at any size."""

    method: Reconstructor
    size: int
    """Pixels along an edge."""

    def predict(self, batch: Batch) -> Reconstruction:
        """The answers to the crops, brought to its size."""
        return self.method.predict(resize_batch(batch, self.size))


def resize_batch(batch: Batch, size: int) -> Batch:
    """Pictures and masks of `size` pixels, averaged where they shrink; masks stay 0 or 1. Other maps are left out."""
    if batch.mask.shape[-1] == size:
        return batch
    image, mask, valid = (_resize(part, size) for part in (batch.image, batch.mask[..., None], batch.valid[..., None]))
    return replace(
        batch,
        image=image.clamp(0, 1),
        mask=(mask[..., 0] > 0.5).float(),
        valid=(valid[..., 0] > 0.99).float(),
        features=None,
        inside=None,
        seen=None,
    )


def _resize(
    pixels: Float[Tensor, "batch height width channels"], size: int
) -> Float[Tensor, "batch {size} {size} channels"]:
    channels_first = pixels.movedim(-1, 1)
    resized = torch.nn.functional.interpolate(
        channels_first, size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
    return resized.movedim(1, -1)
