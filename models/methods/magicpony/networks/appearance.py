"""Colour and light of one animal (MagicPony; fidelity F30, F31)."""

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.core.config import Config
from models.layers.coordinate_mlp import CoordMlpConfig
from models.rendering.types import Light


class AppearanceConfig(Config):
    """Sizes; the paper has 8 layers of 256 with 10 frequencies for colour and 5 of 256 for light."""

    albedo: CoordMlpConfig = Field(default=CoordMlpConfig(), description="colour of a canonical point")
    light_width: int = Field(default=64, ge=1, description="hidden units of the light network")

    def build(self, code: int) -> tuple["Albedo", "LightNetwork"]:
        """Colour field and light network over codes of this length."""
        return Albedo(self.albedo, code), LightNetwork(code, self.light_width)


class Albedo(nn.Module):
    """Colour without light of a canonical point, the same on both sides of the animal."""

    def __init__(self, config: CoordMlpConfig, code: int) -> None:
        """A mirror-symmetric field."""
        super().__init__()
        self.mlp = config.build(3, code, symmetric=True)

    def forward(
        self, points: Float[Tensor, "points 3"], code: Float[Tensor, "batch code"], image: Int[Tensor, " points"]
    ) -> Float[Tensor, "points 3"]:
        """RGB in [0, 1] of points that belong to these images."""
        return self.mlp(points, code, image).sigmoid()


class LightNetwork(nn.Module):
    """Image code to one light from above, in the camera frame, and an ambient term."""

    def __init__(self, code: int, width: int) -> None:
        """Five linear layers."""
        super().__init__()
        sizes = (code, width, width, width, width)
        hidden = [layer for pair in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(*pair), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(width, 4))

    def forward(self, code: Float[Tensor, "batch code"]) -> Light:
        """Ambient in [0, 1], diffuse in [0.5, 1]."""
        x, z, ambient, diffuse = self.layers(code).sigmoid().unbind(-1)
        direction = normalize(torch.stack((2 * x - 1, torch.full_like(x, 0.5), 2 * z - 1), -1), dim=-1)
        return Light(direction, ambient, 0.5 + 0.5 * diffuse)
