"""What all animals of a category share: a signed distance field and a field of image features (fidelity F17, F21)."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.schedule import Share
from models.geometry.generic_quadruped import generic_quadruped
from models.geometry.mesh import Mesh
from models.geometry.sdf import Axes, axes, ellipsoid, zero_surface
from models.layers.coordinate_mlp import HALF_EXTENT, CoordMlpConfig, zero_init_


class PriorConfig(Config):
    """Grid and networks; the paper has grids of 128 then 256 and 5 layers of 256 with 8 frequencies."""

    grid: int = Field(
        default=32, ge=4, multiple_of=4, description="cubes along an edge of the tetrahedral grid at first"
    )
    fine_grid: int = Field(default=48, ge=4, multiple_of=4, description="cubes along an edge towards the end")
    fine_from: Share = Field(default=0.6, description="share of the run after which the fine grid is used")
    jitter: float = Field(default=0.05, ge=0, description="largest random shift of the grid in training over its edge")
    first: Literal["ellipsoid", "quadruped"] = Field(
        default="ellipsoid", description="the first shape: the paper's ellipsoid, or rounded cones of no species"
    )
    radius: float = Field(default=1.05, gt=0, description="radius of the first ellipsoid")
    stretch: float = Field(default=2.0, gt=0, description="length of the first ellipsoid over its thickness")
    sdf: CoordMlpConfig = Field(
        default=CoordMlpConfig(layers=4, frequencies=5),
        description="signed distance field; a sixth octave is finer than two cubes of 48 and shows as ripples",
    )
    channels: int = Field(default=16, ge=1, description="channels of the image features")
    features: CoordMlpConfig = Field(default=CoordMlpConfig(), description="feature field")

    def build(self) -> "Prior":
        """The prior shape as it is at first."""
        return Prior(self)


FROM_CONES = PriorConfig(first="quadruped", sdf=CoordMlpConfig(layers=4, frequencies=4))
"""From six rounded cones; a fifth octave came out as rings about the trunk (docs/lab, rounds 14 and 20)."""


class Prior(nn.Module):
    """Signed distance (positive inside, mirror-symmetric) and features (one-sided) at points of the object frame."""

    def __init__(self, config: PriorConfig) -> None:
        """The distance network answers 0 at first, so the shape starts as the exact first one."""
        super().__init__()
        self.config = config
        self.distance = config.sdf.build(1, symmetric=True)
        zero_init_(self.distance.last)
        self.feature = config.features.build(config.channels)

    def forward(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, " points"]:
        """Signed distance."""
        return self.distance(points)[..., 0] + self._first(points)

    def on_grid(self, grid: Axes) -> Float[Tensor, "x y z"]:
        """Signed distance on a grid of points."""
        points = torch.stack(torch.meshgrid(*grid, indexing="ij"), -1)
        return self.distance.on_grid(grid)[..., 0] + self._first(points)

    def features(self, points: Float[Tensor, "points 3"]) -> Float[Tensor, "points channels"]:
        """Image features in [0, 1]."""
        return self.feature(points).sigmoid()

    def mesh(self, progress: float, generator: torch.Generator | None) -> Mesh:
        """The prior surface; in training on a jittered grid."""
        config = self.config
        resolution = config.fine_grid if progress >= config.fine_from else config.grid
        jitter = 0.0
        if self.training:
            jitter = config.jitter * 2 * HALF_EXTENT * (2 * torch.rand((), generator=generator).item() - 1)
        return zero_surface(self, axes(resolution, HALF_EXTENT, jitter, self.distance.point.weight.device))

    def _first(self, points: Float[Tensor, "*shape 3"]) -> Float[Tensor, "*shape"]:
        """Signed distance of the first shape, to which the network adds."""
        if self.config.first == "quadruped":
            return generic_quadruped(points)
        return ellipsoid(points, self.config.radius, self.config.stretch)
