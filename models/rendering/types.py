"""Data classes of the light and of the pictures of a renderer."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

FRONT = (0.0, 0.5, 0.866)
"""Direction of the light where nothing is known of it, camera frame."""


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

    def to(self, device: torch.device) -> "Light":
        """The same lights on a device."""
        return Light(self.direction.to(device), self.ambient.to(device), self.diffuse.to(device))


def front_light(count: int, device: torch.device) -> Light:
    """As many lights from above the camera, half ambient: where nothing is known of the light."""
    ones = torch.ones(count, device=device)
    return Light(ones[:, None] * ones.new_tensor(FRONT), 0.5 * ones, 0.5 * ones)


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
