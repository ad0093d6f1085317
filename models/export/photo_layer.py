"""What one photo shows of a surface: its colours without their light, and how far each of its pixels can be trusted."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from models.data.batch import Batch
from models.export.photo_trust import trust_pixels
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.geometry.smoothstep import smoothstep
from models.rendering import Renderer, deferred
from models.rendering.shading import shade
from models.rendering.types import Light

FACING = (0.15, 0.55)
"""Cosines to the viewer between which the trust in a pixel rises: a grazing one is smeared over much skin."""
DARKEST = 0.25
"""Shading below which a pixel is not made any brighter: its noise would grow, too."""
NEAR = 0.02
"""A point is the one that a pixel shows if their distances to the camera differ by less, over the animal's size."""

Kind = TypeVar("Kind", bound="PhotoLayer")


@dataclass(frozen=True)
class PhotoLayer:
    """Photos of animals as their cameras saw them; one row to an animal."""

    camera: Camera
    color: Float[Tensor, "batch size size 3"]
    """The photo divided by its light, in [0, 1]."""
    trust: Float[Tensor, "batch size size"]
    """0 where the photo shows something else or the surface at a grazing angle, 1 well inside."""
    distance: Float[Tensor, "batch size size"]
    """Along the camera's axis; 0 off the animal."""
    near: Float[Tensor, " batch"]
    """How near to that a point has to be to be the one that is seen."""

    def read(
        self, points_world: Float[Tensor, "points 3"], image: Int[Tensor, " points"]
    ) -> tuple[Float[Tensor, "points 3"], Float[Tensor, " points"]]:
        """Colour and trust of posed points, each in the photo of its row; 0 where a point is hidden from the camera."""
        color, trust = torch.zeros_like(points_world), torch.zeros_like(points_world[:, 0])
        for row in image.unique().tolist():
            chosen = (image == row).nonzero()[:, 0]
            color[chosen], trust[chosen] = self._read_row(points_world[chosen], row)
        return color, trust

    def pick(self: Kind, row: int, count: int) -> Kind:
        """One photo, `count` times."""

        def take(values: Tensor) -> Tensor:
            return values[row : row + 1].expand(count, *values.shape[1:])

        return type(self)(
            self.camera.apply(take), take(self.color), take(self.trust), take(self.distance), take(self.near)
        )

    def _read_row(
        self, points: Float[Tensor, "points 3"], row: int
    ) -> tuple[Float[Tensor, "points 3"], Float[Tensor, " points"]]:
        camera = self.camera[row : row + 1]
        trust = self.trust[row, ..., None]
        stack = torch.cat((self.color[row] * trust, trust, self.distance[row, ..., None]), -1)
        grid = camera.project(points[None])[None]
        sampled = grid_sample(stack.movedim(-1, 0)[None], grid, padding_mode="zeros", align_corners=False)[0, :, 0].T
        trust = sampled[:, 3]
        gap = (camera.distance(points[None])[0] - sampled[:, 4]).abs() / self.near[row]
        return sampled[:, :3] / trust[:, None].clamp(min=1e-6), trust * (2 - gap).clamp(0, 1)


@dataclass(frozen=True)
class Sight:
    """What the pixels of some photos see of the surfaces that are drawn over them."""

    pixel: Int[Tensor, " covered"]
    """Flat number, over all photos, of each pixel that sees a surface."""
    row: Int[Tensor, " covered"]
    """The photo that each lies in."""
    canonical: Float[Tensor, "covered coordinates"]
    """Where the colour of the surface is read."""
    normal: Float[Tensor, "covered 3"]
    """In the camera frame."""
    color: Float[Tensor, "covered 3"]
    """Of the photo."""
    trust: Float[Tensor, "batch size size"]
    """As in `PhotoLayer`."""
    distance: Float[Tensor, "batch size size"]
    """As in `PhotoLayer`."""
    near: Float[Tensor, " batch"]
    """As in `PhotoLayer`."""

    def sample(self, most: int) -> Int[Tensor, " chosen"]:
        """Rows of at most about so many pixels to a photo that are fully trusted, evenly spread."""
        trusted = (self.trust.flatten()[self.pixel] > 0.5).nonzero()[:, 0]
        return trusted[:: max(1, len(trusted) // (most * len(self.near)))]

    def layer(self, camera: Camera, light: Light) -> PhotoLayer:
        """The photos without this light."""
        shading = shade(self.normal, light.rows(self.row)).clamp(min=DARKEST)
        color = self.color.new_zeros(self.trust.numel(), 3)
        color[self.pixel] = (self.color / shading[:, None]).clamp(0, 1)
        return PhotoLayer(camera, color.view(*self.trust.shape, 3), self.trust, self.distance, self.near)


@torch.no_grad()
def see_surface(
    renderer: Renderer,
    mesh: Mesh,
    canonical: Float[Tensor, "meshes vertices coordinates"],
    camera: Camera,
    photos: Batch,
) -> Sight:
    """The crops of some animals, of any size, laid over the posed surfaces."""
    size, image = photos.image.shape[1], photos.image.to(mesh.vertices)
    _, fragments = deferred.rasterize(renderer, mesh, camera, size)
    pixel = (fragments.face.flatten() >= 0).nonzero()[:, 0]
    row = torch.div(pixel, size**2, rounding_mode="floor")
    attributes = torch.cat((mesh.vertices, canonical.expand(len(mesh), -1, -1)), -1)
    points, normal = deferred.points_and_normals(renderer, fragments, mesh, camera, attributes, pixel)
    facing = image.new_zeros(fragments.face.numel())
    facing[pixel] = smoothstep(-(normal * _line_of_sight(camera, points[:, :3], row)).sum(-1), *FACING)
    near = NEAR * (mesh.vertices.amax(1) - mesh.vertices.amin(1)).amax(-1)
    trust = [
        trust_pixels(depth, picture, mask > 0.5, valid > 0.5, step)
        for depth, picture, mask, valid, step in zip(
            *(part.cpu().numpy() for part in (fragments.depth, photos.image, photos.mask, photos.valid)),
            near.tolist(),
            strict=True,
        )
    ]
    return Sight(
        pixel=pixel,
        row=row,
        canonical=points[:, 3:],
        normal=normal,
        color=image.flatten(0, 2)[pixel],
        trust=facing.view(fragments.face.shape) * torch.from_numpy(np.stack(trust)).to(facing),
        distance=fragments.depth,
        near=near,
    )


def _line_of_sight(
    camera: Camera, points_world: Float[Tensor, "points 3"], row: Int[Tensor, " points"]
) -> Float[Tensor, "points 3"]:
    """Unit directions in which each point is seen by the camera of its row, in the camera frame."""
    cameras = camera[row]
    return normalize(cameras.line_of_sight(cameras.to_camera(points_world[:, None]))[:, 0], dim=-1)
