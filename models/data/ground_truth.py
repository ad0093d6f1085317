"""Ground truth of procedural animals beside their photos; generated and real photos have none."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Truth:
    """Ground truth of a batch of crops."""

    towards: Float[Tensor, "batch 3"]
    """Unit vector from the animal to the camera, object frame."""
    keypoints: Float[Tensor, "batch keypoints 3"]
    """Where they fall in the crop, hidden ones too, and their `Camera.relative_depth`."""
    surface: Float[Tensor, "batch points 3"]
    """Points on the animal, in the space of the keypoints and about their mean."""
    light: Float[Tensor, "batch 4"]
    """`Light.coefficients` of the lamp."""
    opposite: Int[Tensor, " keypoints"]
    """The keypoint on the other side of the mirror plane."""

    def rows(self, rows: Int[Tensor, " chosen"], flipped: Bool[Tensor, " chosen"]) -> "Truth":
        """Of these crops, some of them mirrored left to right; the mirror plane of an animal is x = 0."""
        signs = torch.where(flipped, -1.0, 1.0)[:, None]
        towards = torch.cat((self.towards[rows, :1] * signs, self.towards[rows, 1:]), 1)
        mirror = signs[:, :, None] * signs.new_tensor((1.0, 0.0, 0.0)) + signs.new_tensor((0.0, 1.0, 1.0))
        keypoints = torch.where(flipped[:, None, None], self.keypoints[rows][:, self.opposite], self.keypoints[rows])
        lamp = torch.cat((self.light[rows, :1], self.light[rows, 1:2] * signs, self.light[rows, 2:]), 1)
        return Truth(towards, keypoints * mirror, self.surface[rows] * mirror, lamp, self.opposite)

    def to(self, device: torch.device) -> "Truth":
        """The same on another device."""
        parts = (self.towards, self.keypoints, self.surface, self.light, self.opposite)
        return Truth(*(part.to(device) for part in parts))
