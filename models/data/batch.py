"""What a training step or a metric reads: crops of one size and what was known when they were made."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from models.data.ground_truth import Truth


@dataclass(frozen=True)
class Batch:
    """Crops of one size with what was known when they were made."""

    image: Float[Tensor, "batch size size 3"]
    """RGB in [0, 1]."""
    mask: Float[Tensor, "batch size size"]
    """1 on the animal."""
    valid: Float[Tensor, "batch size size"]
    """1 where the crop lies inside the generated picture."""
    features: Float[Tensor, "batch channels rows columns"] | None
    """PCA of ViT tokens in [0, 1], for the feature loss."""
    view: Int[Tensor, " batch"]
    """Index into `models.core.category.VIEWS` of the prompt's view word; -1 where unknown."""
    index: Int[Tensor, " batch"]
    """Twice the row of the sample among these crops, one more where it is mirrored: a key for caches of features."""
    inside: Float[Tensor, "batch size size"] | None = None
    """Exact distance of animal pixels to the nearest other pixel over `size`, 0 off the animal; for training."""
    seen: Float[Tensor, "batch size size 3"] | None = None
    """What the encoder is shown instead of `image`, where a crop was spoilt on purpose."""
    truth: Truth | None = None
    """Known of procedural animals only."""
    heading: Float[Tensor, " batch"] | None = None
    """1 where the head is to the right, -1 where it is to the left, 0 where nobody can tell; for training."""

    @property
    def shown(self) -> Float[Tensor, "batch size size 3"]:
        """What the encoder is shown."""
        return self.image if self.seen is None else self.seen

    def __len__(self) -> int:
        """Crops."""
        return len(self.image)
