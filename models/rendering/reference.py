"""A differentiable z-buffer rasteriser in plain torch, on any device, with nvdiffrast's three operations.

Coverage is found without gradient: every face is expanded into the pixels of its bounding box and the nearest one wins.
Barycentrics are then computed again, with gradient, only where something is visible (Laine et al. 2020, section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.core.config import Config
from models.rendering.antialiasing import antialias
from models.rendering.screen import Corner, Points, corner_points, double_area, to_screen

PAIRS_AT_ONCE = 1 << 22
"""Face-pixel pairs expanded at a time; bounds the memory that large faces take."""
SLIVER_PX2 = 1e-3
"""Faces of a smaller screen area are not drawn: their barycentric gradients grow with its inverse."""
DEPTH_STEPS, FARTHEST = float(1 << 30), 1 - 1e-6
"""Ndc depth as a whole number below 2^31, the upper half of the key that the nearest face wins by."""
EMPTY = (1 << 63) - 1
"""The key of a pixel that no face covers."""
EDGE = -1e-6
"""Barycentrics this low still count as inside, so that rounding opens no hole between two faces."""


FaceMap = Int[Tensor, "batch height width"]


@dataclass(frozen=True)
class Fragments:
    """What each pixel sees."""

    face: FaceMap
    """The nearest face; -1 where empty."""
    barycentric: Float[Tensor, "batch height width 3"]
    """Perspective-correct weights of its corners, with gradient to the clip positions; 0 where empty."""
    depth: Float[Tensor, "batch height width"]
    """Distance along the camera's axis; 0 where empty."""
    distance: Float[Tensor, "batch vertices"] | None = None
    """That of the vertices, where it is not their clip w: the projection is parallel."""


class ReferenceConfig(Config):
    """The rasteriser that runs everywhere."""

    kind: Literal["reference"] = "reference"

    def check_available(self, device: str) -> None:
        """It draws everywhere."""

    def build(self, device: torch.device | str) -> "Reference":
        """The renderer; it follows its inputs' device."""
        return Reference()


class Reference:
    """Rasterise, interpolate and antialias batches of meshes that share faces."""

    def rasterize(
        self,
        clip: Float[Tensor, "batch vertices 4"],
        faces: Int[Tensor, "faces 3"],
        size: int,
        distance: Float[Tensor, "batch vertices"] | None = None,
    ) -> Fragments:
        """The nearest face at every pixel centre. A face that crosses the near plane or is a sliver is left out.

        `distance` along the camera's axis is the clip w where it is not given, as for a pinhole.
        """
        face = _nearest_face(clip.detach(), faces, size)
        covered = (face.flatten() >= 0).nonzero()[:, 0]
        corners = _corners(covered, face, faces, clip.shape[1])
        x, y, _, w = clip.reshape(-1, 4).index_select(0, corners.flatten()).view(-1, 3, 4).unbind(-1)
        column, row = (position.to(w.dtype)[:, None] for position in (covered % size, covered // size % size))
        x, y = x - ((2 * column + 1) / size - 1) * w, y - ((2 * row + 1) / size - 1) * w
        (x0, x1, x2), (y0, y1, y2) = x.unbind(1), y.unbind(1)
        weights = torch.stack((x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0), 1)
        weights = weights / weights.sum(1, keepdim=True)
        along_axis = w if distance is None else distance.flatten().index_select(0, corners.flatten()).view(-1, 3)
        depth = (weights * along_axis).sum(1)
        return Fragments(face, _scatter(weights, covered, face), _scatter(depth, covered, face), distance)

    def interpolate(
        self, attributes: Float[Tensor, "meshes vertices channels"], fragments: Fragments, faces: Int[Tensor, "faces 3"]
    ) -> Float[Tensor, "batch height width channels"]:
        """Vertex attributes at every pixel, of one mesh for all images or one each; 0 where empty."""
        face = fragments.face
        covered = (face.flatten() >= 0).nonzero()[:, 0]
        corners = _corners(covered, face, faces, attributes.shape[1] if len(attributes) > 1 else 0)
        weights = fragments.barycentric.reshape(-1, 3).index_select(0, covered)
        table = attributes.flatten(0, 1)
        first, second, third = (weights[:, k, None] * table.index_select(0, corners[:, k]) for k in range(3))
        return _scatter(first + second + third, covered, face)

    def antialias(
        self,
        colors: Float[Tensor, "batch height width channels"],
        fragments: Fragments,
        clip: Float[Tensor, "batch vertices 4"],
        faces: Int[Tensor, "faces 3"],
    ) -> Float[Tensor, "batch height width channels"]:
        """Colours blended across silhouettes, which gives the vertices their gradient there."""
        return antialias(colors, fragments.face, fragments.depth.detach(), clip, faces, fragments.distance)


def _corners(
    covered: Int[Tensor, " covered"], face: FaceMap, faces: Int[Tensor, "faces 3"], stride: int
) -> Int[Tensor, "covered 3"]:
    """Rows of the visible faces' corners in a flattened (batch, vertices) table."""
    image = covered // (face.shape[1] * face.shape[2])
    return faces.index_select(0, face.flatten().index_select(0, covered)) + (image * stride)[:, None]


def _scatter(
    values: Float[Tensor, "covered *channels"], covered: Int[Tensor, " covered"], face: FaceMap
) -> Float[Tensor, "batch height width *channels"]:
    """The values of the covered pixels (flat indices) as pictures, 0 elsewhere."""
    empty = values.new_zeros(face.numel(), *values.shape[1:])
    return empty.index_copy(0, covered, values).view(*face.shape, *values.shape[1:])


@torch.no_grad()
def _nearest_face(
    clip: Float[Tensor, "batch vertices 4"], faces: Int[Tensor, "faces 3"], size: int
) -> Int[Tensor, "batch size size"]:
    screen, z = to_screen(clip, size), (clip[..., 2] / clip[..., 3]).flatten()
    points = corner_points(faces, *clip.shape[:2])
    x, y = (tuple(axis.index_select(0, corner) for corner in points) for axis in screen)
    left, right = _span(x, size)
    top, bottom = _span(y, size)
    area = double_area(x, y).abs()
    big = (area >= 2 * SLIVER_PX2) & (area < torch.inf)
    keep = (big & (right >= left) & (bottom >= top)).nonzero()[:, 0]
    left, right, top, bottom = (part.index_select(0, keep) for part in (left, right, top, bottom))
    x = [part.index_select(0, keep) - left for part in x]
    y = [part.index_select(0, keep) - top for part in y]
    planes = _planes(x, y, [z.index_select(0, part.index_select(0, keep)) for part in points])
    width, height = (right - left + 1).long(), (bottom - top + 1).long()
    image = torch.div(keep, len(faces), rounding_mode="floor")
    corner, face = image * size**2 + (top * size + left).long(), keep - image * len(faces)
    best = torch.full((len(clip) * size**2,), EMPTY, device=clip.device)
    pairs = (width * height).cumsum(0)
    start = 0
    while start < len(keep):
        done = pairs[start - 1] if start else 0
        stop = max(start + 1, int((pairs <= done + PAIRS_AT_ONCE).sum()))
        part = slice(start, stop)
        _draw(best, [plane[part] for plane in planes], width[part], height[part], corner[part], face[part], size)
        start = stop
    return torch.where(best == EMPTY, -1, best & 0xFFFFFFFF).view(len(clip), size, size)


def _span(corners: Sequence[Corner], size: int) -> tuple[Corner, Corner]:
    """First and last pixel whose centre lies within the corners' extent."""
    a, b, c = corners
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    return low.ceil().clamp(min=0), high.floor().clamp(max=size - 1)


def _planes(x: Sequence[Corner], y: Sequence[Corner], z: Sequence[Corner]) -> list[Corner]:
    """Value at the origin, change per column and change per row, of two barycentrics and of the depth."""
    (x0, x1, x2), (y0, y1, y2), (z0, z1, z2) = x, y, z
    inverse = 1 / double_area(x, y)
    first = [part * inverse for part in (x1 * y2 - x2 * y1, y1 - y2, x2 - x1)]
    second = [part * inverse for part in (x2 * y0 - x0 * y2, y2 - y0, x0 - x2)]
    z0, z1 = z0 - z2, z1 - z2
    depth = [a * z0 + b * z1 for a, b in zip(first, second, strict=True)]
    return [*first, *second, depth[0] + z2, *depth[1:]]


def _draw(
    best: Int[Tensor, " pixels"],
    planes: list[Corner],
    width: Points,
    height: Points,
    corner: Points,
    face: Points,
    size: int,
) -> None:
    """Lower `best`, a packed (depth, face) per pixel, with every pixel of the faces' boxes that lies in its face."""
    count = width * height
    row = torch.repeat_interleave(count)
    offset = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count).index_select(0, row)
    columns = width.to(planes[0].dtype).index_select(0, row)
    down = ((offset.double() + 0.5) / columns).floor().to(columns.dtype)
    across = offset - down * columns
    at = [plane.index_select(0, row) for plane in planes]
    first, second = (at[k] + at[k + 1] * across + at[k + 2] * down for k in (0, 3))
    hit = ((first >= EDGE) & (second >= EDGE) & (first + second <= 1 - EDGE)).nonzero()[:, 0]
    depth = at[6] + at[7] * across + at[8] * down
    row, down, across, depth = (part.index_select(0, hit) for part in (row, down, across, depth))
    pixel = corner.index_select(0, row) + (down * size + across).long()
    near = ((depth.clamp(-1, FARTHEST) + 1) * DEPTH_STEPS).long()
    best.scatter_reduce_(0, pixel, (near << 32) | face.index_select(0, row), "amin")
