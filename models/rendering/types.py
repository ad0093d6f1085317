"""Data classes of the light and of the pictures of a renderer."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Light:
    """One directional light in the camera frame and an ambient term (fidelity F31)."""

    direction: Float[Tensor, "batch 3"]
    """Unit vector towards the light."""
    ambient: Float[Tensor, " batch"]
    """Brightness of a surface that the light does not reach."""
    diffuse: Float[Tensor, " batch"]
    """Brightness that a surface gains where it faces the light."""

    @property
    def coefficients(self) -> Float[Tensor, "batch 4"]:
        """Ambient, then diffuse times the direction: shading is linear in them where the light falls."""
        return torch.cat((self.ambient[:, None], self.diffuse[:, None] * self.direction), 1)

    def rows(self, rows: Int[Tensor, " chosen"]) -> "Light":
        """The lights of these images, as often as they are named."""
        return Light(self.direction[rows], self.ambient[rows], self.diffuse[rows])


@dataclass(frozen=True)
class Rendering:
    """Images of a batch of animals; the background is black and mask 0."""

    rgb: Float[Tensor, "batch size size 3"]
    mask: Float[Tensor, "batch size size"]
    albedo: Float[Tensor, "batch size size 3"]
    shading: Float[Tensor, "batch size size"]
    features: Float[Tensor, "batch size size channels"] | None
    normal: Float[Tensor, "batch size size 3"]
    """Unit normals in the camera frame."""
    depth: Float[Tensor, "batch size size"]
    """Distance along the camera's axis; 0 on the background."""
    visible: Bool[Tensor, "batch faces"]
    """Faces with at least one pixel."""
