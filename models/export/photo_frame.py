"""Where the animal of a crop lies in the whole photo: the crop's camera, read in the photo's pixels."""

from dataclasses import dataclass
from math import tan

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from models.data.framing import Box
from models.geometry.cameras import FOV, Camera
from models.geometry.mesh import Mesh
from models.rendering import Renderer

LARGEST = 1024
"""Pixels of the longer side up to which a silhouette is drawn pixel by pixel; larger ones are drawn smaller."""


@dataclass(frozen=True)
class Frame:
    """A photo of `width` x `height` pixels and the square crop that the camera sees."""

    width: int
    height: int
    box: Box

    def intrinsics(self, fov: float = FOV) -> dict[str, float]:
        """Pinhole in photo pixels: u = cx + fx x / -z and v = cy - fy y / -z for (x, y, z) in the camera frame.

        Pixel (column, row) covers [column, column + 1) x [row, row + 1).
        """
        box, focal = self.box, 1 / (2 * tan(fov / 2))
        centre = box.left + box.width / 2, box.top + box.height / 2
        return {"fx": box.width * focal, "fy": box.height * focal, "cx": centre[0], "cy": centre[1]}

    def pixels(self, ndc: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        """Points of the crop, in [-1, 1] inside it, as (column, row) of the photo."""
        corner, extent = ndc.new_tensor(self.box[:2]), ndc.new_tensor(self.box[2:])
        return corner + (ndc + 1) / 2 * extent

    def silhouette(self, renderer: Renderer, mesh: Mesh, camera: Camera) -> Bool[Tensor, "height width"]:
        """Where one mesh covers the photo, also outside the crop."""
        longer = max(self.width, self.height)
        size = min(longer, LARGEST)
        box, clip = self.box, camera.to_clip(mesh.vertices)
        scale = clip.new_tensor((box.width, box.height)) / longer
        shift = clip.new_tensor((2 * box.left + box.width, 2 * box.top + box.height)) / longer - 1
        clip = torch.cat((clip[..., :2] * scale + clip[..., 3:] * shift, clip[..., 2:]), -1)
        drawn = (renderer.rasterize(clip, mesh.faces, size).face >= 0).float()
        if size < longer:
            drawn = interpolate(drawn[:, None], (longer, longer), mode="bilinear")[:, 0]
        return drawn[0, : self.height, : self.width] > 0.5
