"""How one animal differs from its category's prior shape (MagicPony; fidelity F22)."""

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.layers.coordinate_mlp import CoordMlpConfig, zero_init_


class DeformationConfig(Config):
    """The network and how far it reaches."""

    mlp: CoordMlpConfig = Field(
        default=CoordMlpConfig(frequencies=4),
        description="the paper has 5 layers of 256 with 10 frequencies; a fifth octave is finer than our grids",
    )
    reach: float = Field(default=0.1, gt=0, description="scene units per unit of output")

    def build(self, code: int) -> "Deformation":
        """Zero shifts at first."""
        return Deformation(self, code)


class Deformation(nn.Module):
    """A shift for every prior vertex, mirror-symmetric.

    Mirrored points get mirrored shifts. (The authors' code gives both the same vector, which moves the animal sideways
    instead of making it wider.)
    """

    def __init__(self, config: DeformationConfig, code: int) -> None:
        """The last layer answers 0 at first."""
        super().__init__()
        self.reach = config.reach
        self.mlp = config.mlp.build(3, code, symmetric=True)
        zero_init_(self.mlp.last)

    def forward(
        self, vertices: Float[Tensor, "vertices 3"], code: Float[Tensor, "batch code"]
    ) -> Float[Tensor, "batch vertices 3"]:
        """Shifts in scene units."""
        side = vertices.detach().clone()
        side[:, 0].sign_()
        side[:, 1:] = 1
        return self.reach * side * self.mlp(vertices, code)
