"""Where named points of an animal are in its crop: a linear reading of a frozen transformer's tokens as heat maps.

Each place is read from its token and the eight around it. The ViT that ships learnt tokens from which such readings can
be taken (`models.embedded.feature_training`).
"""

from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import conv2d

from models.core.config import Config
from models.core.weights import check_digest, digest, locate, report_missing_weights
from models.features.vit import TokenMap, Vit

FILE = "reading.safetensors"
SPREAD = 0.5
"""Spread of a heat map, in halves of the crop, from which on it says nothing."""


class KeypointConfig(Config):
    """Which reading."""

    model: str = Field(default="weights/keypoints", description="folder with reading.safetensors")

    def digest(self) -> str:
        """Digest of the folder's files."""
        return digest(locate(self.model), None)

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where there is no such reading."""
        self.build(torch.device("cpu"))

    def build(self, device: torch.device) -> "KeypointReading":
        """Raises MissingWeights where it is absent or broken."""
        from safetensors import safe_open

        folder = locate(self.model)
        with report_missing_weights(self.model, "the keypoint reading"), safe_open(Path(folder) / FILE, "pt") as opened:
            words = opened.metadata() or {}
            weight = opened.get_tensor("weight").float().to(device)
            if weight.shape[2:] != (3, 3):
                raise ValueError(f"the shape of its weight is {list(weight.shape)}, not [points, channels, 3, 3]")
            return KeypointReading(weight, tuple(words["keypoints"].split()), words["vit"], self.digest())


class KeypointReading:
    """Heat maps of named points."""

    def __init__(
        self, weight: Float[Tensor, "keypoints channels 3 3"], names: tuple[str, ...], vit: str, digest: str
    ) -> None:
        """`vit` is the digest of the transformer whose tokens the weights read."""
        self.weight, self.names, self.vit, self.digest = weight, names, vit, digest

    def check_vit(self, vit: Vit) -> None:
        """Raises MissingWeights where the reading was taught with the tokens of another transformer."""
        remedy = "take both folders from one checkout, or teach the reading again with the flow `barnyard`"
        check_digest("the vision transformer", vit.digest, "the keypoint reading", self.vit, remedy)

    def read(self, tokens: TokenMap) -> tuple[Float[Tensor, "batch keypoints 2"], Float[Tensor, "batch keypoints"]]:
        """Centres of the heat maps in normalised device coordinates, and how far each is trusted, 0 to 1."""
        return centres(heat_maps(self.weight, tokens))


def heat_maps(
    weight: Float[Tensor, "keypoints channels 3 3"], tokens: TokenMap
) -> Float[Tensor, "batch keypoints rows columns"]:
    """Logits of each keypoint's place."""
    return conv2d(tokens, weight, padding=1)


def centres(
    logits: Float[Tensor, "batch keypoints rows columns"],
) -> tuple[Float[Tensor, "batch keypoints 2"], Float[Tensor, "batch keypoints"]]:
    """Mean places of heat maps, and a trust that falls to 0 as they spread."""
    heat = logits.flatten(2).softmax(-1).view_as(logits)
    x, y = (
        (2 * torch.arange(count, device=logits.device) + 1) / count - 1 for count in (logits.shape[3], logits.shape[2])
    )
    mean = torch.stack(((heat.sum(2) * x).sum(-1), (heat.sum(3) * y).sum(-1)), -1)
    square = (heat.sum(2) * x**2).sum(-1) + (heat.sum(3) * y**2).sum(-1)
    spread = (square - mean.square().sum(-1)).clamp(min=0).sqrt()
    return mean, (1 - spread / SPREAD).clamp(0, 1)
