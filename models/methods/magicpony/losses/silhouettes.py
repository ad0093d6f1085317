"""Errors of silhouettes that are smaller than their photos: `mask` and `mask_distance_loss` of `reconstruction`.

Viewpoint scores, pose pre-training and refinement compare silhouettes smaller than the photos.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from models.data.batch import Batch


@dataclass(frozen=True)
class SilhouetteTarget:
    """What silhouettes of one size are compared with."""

    mask: Float[Tensor, "batch size size"]
    """Share of each pixel that the animal covers."""
    valid: Float[Tensor, "batch size size"]
    """Share of each pixel that lies inside the picture."""
    inside: Float[Tensor, "batch size size"]
    """`Batch.inside`."""

    @staticmethod
    def of(batch: Batch, size: int) -> "SilhouetteTarget":
        """The photos' own, averaged. Raises ValueError where the distance inside the masks is unknown."""
        if batch.inside is None:
            raise ValueError("batch.inside is None; silhouettes are compared by the distance inside the mask")
        return SilhouetteTarget(*(adaptive_avg_pool2d(part, size) for part in (batch.mask, batch.valid, batch.inside)))

    def mse(self, drawn: Float[Tensor, "*views batch size size"]) -> Float[Tensor, "*views batch"]:
        """Squared error where the photo is known."""
        return (drawn * self.valid - self.mask).square().mean((-1, -2))

    def mask_distance(self, drawn: Float[Tensor, "*views batch size size"]) -> Float[Tensor, "*views batch"]:
        """Missed foreground pixels, weighted by their distance to the mask's boundary."""
        return ((1 - drawn) * self.inside).mean((-1, -2))
