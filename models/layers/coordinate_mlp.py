"""Coordinate MLPs: functions of a point in space, conditioned on an image code or not (MagicPony; fidelity F15).

Harmonic embedding, one linear layer, the image code beside it, ReLU, then `layers` linear layers without bias.
"""

from math import pi

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad

from models.core.config import Config

HALF_EXTENT = 3.5
"""The cube in which animals live is [-3.5, 3.5]^3; its side maps to 0.9 of a period of the lowest frequency."""
ROUND = 2048
"""Points are filled up to a multiple of it in half precision: oneDNN writes and keeps a program for each new shape."""


class CoordMlpConfig(Config):
    """The size of one coordinate MLP; the paper has 5 layers of 256."""

    layers: int = Field(default=5, ge=2, description="linear layers after the first")
    width: int = Field(default=64, ge=1, description="hidden units")
    frequencies: int = Field(default=6, ge=0, description="octaves of the harmonic embedding")

    def build(self, outputs: int, code: int = 0, symmetric: bool = False) -> "CoordMlp":
        """A function of (x, y, z), or of (|x|, y, z) if symmetric, and of an image code of this length."""
        return CoordMlp(self, outputs, code, symmetric)


class CoordMlp(nn.Module):
    """From a point, and an image code where the network has one, to a few numbers."""

    def __init__(self, config: CoordMlpConfig, outputs: int, code: int, symmetric: bool) -> None:
        """Layers with torch's default initialisation."""
        super().__init__()
        self.frequencies, self.symmetric = config.frequencies, symmetric
        width = config.width
        self.point = nn.Linear(3 * (1 + 2 * config.frequencies), width)
        self.code = nn.Linear(code, width, bias=False) if code else None
        hidden = [nn.Linear(width, width, bias=False) for _ in range(config.layers - 1)]
        self.hidden, self.last = nn.ModuleList(hidden), nn.Linear(width, outputs, bias=False)

    def forward(
        self,
        points: Float[Tensor, "*points 3"],
        code: Float[Tensor, "images code"] | None = None,
        image: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        """Values at points; `image` says whose code each point has, without it every image sees every point.

        That is (points, 3) -> (points, outputs) with `image` or without a code, and (points, 3) -> (images, points,
        outputs) with a code alone; (images, points, 3) is understood as well.
        """
        if self.symmetric:
            points = torch.cat((points[..., :1].abs(), points[..., 1:]), -1)
        count = points.shape[-2]
        if torch.is_autocast_enabled(points.device.type):
            points = pad(points, (0, 0, 0, -count % ROUND))
            image = None if image is None else pad(image, (0, -count % ROUND))
        hidden = self.point(harmonics(points, self.frequencies, 0.9 * pi / HALF_EXTENT).flatten(-2))
        return self._after_point(hidden, code, image)[..., :count, :]

    def on_grid(
        self, axes: tuple[Float[Tensor, " x"], Float[Tensor, " y"], Float[Tensor, " z"]]
    ) -> Float[Tensor, "x y z outputs"]:
        """Values at all combinations of coordinates: the first layer is a sum of one table per axis."""
        first = (axes[0].abs() if self.symmetric else axes[0], *axes[1:])
        weights = self.point.weight.view(len(self.point.weight), 3, -1)
        x, y, z = (
            harmonics(axis, self.frequencies, 0.9 * pi / HALF_EXTENT) @ weights[:, number].T
            for number, axis in enumerate(first)
        )
        plane = y[:, None] + z + self.point.bias
        return torch.stack([self._after_point(row + plane, None, None) for row in x])

    def _after_point(
        self,
        hidden: Float[Tensor, "*points width"],
        code: Float[Tensor, "images code"] | None,
        image: Int[Tensor, "..."] | None,
    ) -> Float[Tensor, "..."]:
        """All layers after the first."""
        hidden = self.hidden[0](hidden.relu())
        if self.code is not None:
            if code is None:
                raise ValueError(
                    f"code is None; give image codes of {self.code.in_features} numbers, as this network wants"
                )
            shift = self.code(code.relu())
            hidden = hidden + (shift[:, None] if image is None else shift[image])
        for layer in self.hidden[1:]:
            hidden = layer(hidden.relu())
        return self.last(hidden.relu())


def harmonics(values: Float[Tensor, "*shape"], frequencies: int, scale: float) -> Float[Tensor, "*shape features"]:
    """(v, sin(scale 2^k v), cos(scale 2^k v)) for k = 0 .. frequencies - 1, without mixing the entries of v."""
    octaves = scale * 2.0 ** torch.arange(frequencies, device=values.device)
    angles = values[..., None] * octaves
    return torch.cat((values[..., None], angles.sin(), angles.cos()), -1)


def zero_init_(layer: nn.Linear | nn.Conv2d) -> None:
    """Zero the weights and the bias in place, so that a residual starts at 0."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
