"""How far a body's outline is from the mask's (chamfer mask loss of MeshInversion, Zhang et al. 2022, equation 6).

No rasteriser: points of the surface, wherever they are on it, fall inside the mask, and all of the mask's outline has
some of them nearby.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d, pad

from models.methods.smplify.terms import PerRow, robust

SURFACE_POINTS, OUTLINE_POINTS = 1000, 256
SLACK = 6.0
"""Pixels that a point of the outline may be from the nearest surface point: these are so far apart."""


@dataclass(frozen=True)
class Silhouette:
    """Masks of a batch of pictures, ready to be compared with; in normalised device coordinates."""

    away: Float[Tensor, "rows size size"]
    """Distance of each pixel from the animal's edge; 0 on the animal."""
    outline: Float[Tensor, "rows outline 2"]
    """Middles of the animal's outermost pixels. Where the picture ends is no outline."""
    is_known: Bool[Tensor, " rows"]
    """Whether there is a mask at all; an empty one asks nothing of the body."""

    @staticmethod
    def of(mask: Float[Tensor, "batch size size"]) -> "Silhouette":
        """Those of masks, of which some may be empty: the segmenter found nothing."""
        is_known = (mask > 0.5).flatten(1).any(1)
        on = (mask > 0.5) | ~is_known[:, None, None]
        half = mask.shape[-1] / 2
        apart = torch.stack([torch.from_numpy(distance_transform_edt(~row.numpy())) for row in on]).to(mask)
        outline = torch.stack([_outline(row) for row in on])
        return Silhouette((apart - 0.5).clamp(min=0) / half, outline, is_known)

    def rows(self, chosen: Int[Tensor, " chosen"]) -> "Silhouette":
        """Some of them, or some several times."""
        return Silhouette(self.away[chosen], self.outline[chosen], self.is_known[chosen])

    def miss(self, surface: Float[Tensor, "rows points 2"], scale: PerRow) -> PerRow:
        """Mean robust squared distance in pixels, of surface points from the mask and of its outline from them.

        `scale` is pixels to a unit. Beyond the picture's edge the mask goes on as it is there; without one it is 0.
        """
        away = grid_sample(self.away[:, None], surface[:, :, None], padding_mode="border", align_corners=False)[:, 0]
        outside = robust((away[..., 0] * scale[:, None]).square())
        with torch.no_grad():
            nearest = torch.cdist(self.outline, surface).argmin(2)
        apart = self.outline - surface.gather(1, nearest[..., None].expand(-1, -1, 2))
        bare = ((apart.square().sum(-1) + 1e-12).sqrt() * scale[:, None] - SLACK).clamp(min=0)
        return torch.where(self.is_known, outside.mean(1) + robust(bare.square()).mean(1), 0.0)


def _outline(mask: Bool[Tensor, "size size"]) -> Float[Tensor, "outline 2"]:
    """As many points of every mask, evenly from the top to the bottom row; of a mask without an edge any of it."""
    off = pad((~mask).float()[None, None], (1, 1, 1, 1), mode="replicate")
    edge = mask & (max_pool2d(off, 3, 1)[0, 0] > 0)
    row, column = (edge if edge.any() else mask).nonzero().unbind(1)
    chosen = torch.linspace(0, len(row) - 1, OUTLINE_POINTS).round().long()
    return (2 * torch.stack((column, row), 1)[chosen] + 1) / len(mask) - 1


def spread_points(points: Float[Tensor, "points 3"], count: int) -> Int[Tensor, " chosen"]:
    """Indices of points each as far as can be from those before it, which is even over a surface."""
    count = min(count, len(points))
    chosen, apart = [0], np.full(len(points), np.inf)
    places = points.numpy()
    while len(chosen) < count:
        apart = np.minimum(apart, ((places - places[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(apart.argmax()))
    return torch.tensor(chosen)
