"""Blending across silhouettes: what makes coverage differentiable (Laine et al. 2020, section 3.5).

A silhouette edge that passes between the centres of two neighbouring pixels moves colour from one to the other in
proportion to where it crosses. Steep edges act on left-right neighbours, flat ones on top-bottom neighbours, so that
every edge counts once and the gradient of the drawn area is exact. nvdiffrast looks only at the visible face's own
edges; faces smaller than a pixel hide the silhouette from it. Here the edge walks back to its pixel over the surface.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from models.rendering.screen import Screen, corner_points, double_area, to_screen

_KNOWN = WeakIdKeyDictionary()
"""`corners` and `other` of a `ScreenMesh` by its faces, which are drawn again and again and never written into."""
WALK = 64
"""Faces crossed at most between an edge and its pixel. Half-edge 3 f + c runs from corner c of face f to the next."""

Numbers = Int[Tensor, " edges"]
Along = Float[Tensor, " edges"]
"""Coordinates in pixels, one to an edge."""


class ScreenMesh(NamedTuple):
    """A batch of meshes on screen with the neighbours of their faces."""

    screen: Screen
    corners: Int[Tensor, "3 half_edges"]
    """Where each half-edge starts, where it ends, and the third vertex of its face."""
    other: Int[Tensor, " half_edges"]
    """The same edge in the neighbouring face, see `neighbours`."""
    front: Int[Tensor, "faces batch"]
    """1 for faces whose screen area is positive."""

    def point(self, image: Numbers, half_edge: Numbers, step: int = 0) -> Numbers:
        """Number in `screen` of the corner `step` corners after the half-edge's start."""
        return image * (len(self.screen.x) // self.front.shape[1]) + self.corners[step][half_edge]

    def ends(self, image: Numbers, half_edge: Numbers) -> tuple[Screen, Screen]:
        """Screen positions of both ends of half-edges."""
        start, end = (self.point(image, half_edge, step) for step in (0, 1))
        x, y = self.screen
        return Screen(x[start], y[start]), Screen(x[end], y[end])

    def folds(self, image: Numbers, half_edge: Numbers) -> Bool[Tensor, " edges"]:
        """Whether the surface ends at the edge, or both its faces lie on one side of it."""
        other = self.other[half_edge]
        return (other < 0) | (self.front[half_edge // 3, image] != self.front[other // 3, image])

    def silhouettes(self) -> tuple[Numbers, Numbers]:
        """Images and half-edges of all folds, with both half-edges of an edge."""
        half_edge = torch.arange(len(self.other), device=self.other.device)
        half_edge = half_edge[half_edge < torch.where(self.other < 0, len(self.other), self.other)]
        other = self.other[half_edge]
        one, two = (self.front.index_select(0, side // 3) for side in (half_edge, other.clamp(min=0)))
        edge, image = ((one != two) | (other < 0)[:, None]).nonzero().unbind(1)
        paired = (other[edge] >= 0).nonzero()[:, 0]
        return torch.cat((image, image[paired])), torch.cat((half_edge[edge], other[edge[paired]]))


class Crossings(NamedTuple):
    """Where a silhouette's half-edge passes between two pixel centres of one row or column."""

    image: Numbers
    half_edge: Numbers
    flat: Bool[Tensor, " edges"]
    """Whether the line of pixels is a column."""
    line: Numbers
    """Number of the row or the column."""
    inside: Numbers
    """Position along the line of the pixel on the face's side."""
    outside: Numbers
    """Position along the line of the pixel on the other side."""

    def take(self, keep: Int[Tensor, " kept"]) -> "Crossings":
        """Those with the numbers `keep`."""
        return Crossings(*(part.index_select(0, keep) for part in self))

    def pixel(self, position: Numbers, size: int) -> Numbers:
        """Flat number, over all images, of the pixel at a position along the line."""
        row, column = torch.where(self.flat, position, self.line), torch.where(self.flat, self.line, position)
        return (self.image * size + row) * size + column


def antialias(
    colors: Float[Tensor, "batch size size channels"],
    face: Int[Tensor, "batch size size"],
    depth: Float[Tensor, "batch size size"],
    clip: Float[Tensor, "batch vertices 4"],
    faces: Int[Tensor, "faces 3"],
    distance: Float[Tensor, "batch vertices"] | None = None,
) -> Float[Tensor, "batch size size channels"]:
    """Colours with each silhouette's pixels blended; gradient to colours and to clip x, y, w.

    `depth` of the pixels and `distance` of the vertices, along the camera's axis, say what is behind what; the latter
    is the clip w where it is not given.
    """
    size = face.shape[1]
    screen = to_screen(clip, size)
    with torch.no_grad():
        mesh = _mesh(screen, faces, len(clip))
        w = clip[..., 3].flatten()
        ends = w, w if distance is None else distance.flatten()
        crossings = _visible(_candidates(mesh, size), mesh, face, depth, ends)
    start, end = mesh._replace(screen=screen).ends(crossings.image, crossings.half_edge)
    position = _crossing(start, end, crossings.flat, crossings.line)
    covered = (position - crossings.inside) * (crossings.outside - crossings.inside)
    grows = covered >= 0.5
    weight = torch.where(grows, covered - 0.5, 0.5 - covered).clamp(max=0.5)
    inner, outer = crossings.pixel(crossings.inside, size), crossings.pixel(crossings.outside, size)
    target, source = torch.where(grows, outer, inner), torch.where(grows, inner, outer)
    pixels = colors.flatten(0, 2)
    change = weight[:, None] * (pixels.index_select(0, source) - pixels.index_select(0, target))
    return pixels.index_add(0, target, change).view_as(colors)


def neighbours(faces: Int[Tensor, "faces 3"]) -> Int[Tensor, " half_edges"]:
    """The half-edge on the other side of each.

    -1 at a border, where more than two faces meet, and where two meet that are not wound alike.
    """
    start, end = faces.flatten(), faces.roll(-1, 1).flatten()
    key, order = (torch.minimum(start, end) << 32 | torch.maximum(start, end)).sort()
    same = torch.zeros(len(key) + 1, dtype=torch.bool, device=key.device)
    same[1:-1] = key[1:] == key[:-1]
    after = same.roll(-1)
    first = (after & ~same & ~after.roll(-1)).nonzero()[:, 0]
    one, two = order[first], order[first + 1]
    alike = start[one] == end[two]
    other = torch.full_like(key, -1)
    other[one[alike]], other[two[alike]] = two[alike], one[alike]
    return other


def _mesh(screen: Screen, faces: Int[Tensor, "faces 3"], batch: int) -> ScreenMesh:
    screen = Screen(screen.x.detach(), screen.y.detach())
    points = corner_points(faces, batch, len(screen.x) // batch)
    x, y = (tuple(axis.index_select(0, corner) for corner in points) for axis in screen)
    front = (double_area(x, y) > 0).to(torch.uint8).view(batch, -1).T.contiguous()
    if faces not in _KNOWN:
        _KNOWN[faces] = torch.stack([faces.roll(-step, 1).flatten() for step in range(3)]), neighbours(faces)
    corners, other = _KNOWN[faces]
    return ScreenMesh(screen, corners, other, front)


def _along_and_across(point: Screen, flat: Bool[Tensor, " edges"]) -> tuple[Along, Along]:
    """Coordinates along and across the line of pixels."""
    return torch.where(flat, point.y, point.x), torch.where(flat, point.x, point.y)


def _share(across0: Along, across1: Along, line: Numbers) -> Along:
    """How far along the edge, from 0 at its start to 1 at its end, the line of pixels is crossed."""
    return ((line - across0) / (across1 - across0)).nan_to_num(0.5).clamp(0, 1)


def _crossing(start: Screen, end: Screen, flat: Bool[Tensor, " edges"], line: Numbers) -> Along:
    """Position along the line where the edge crosses it.

    Share and slope carry no gradient: this form has the same derivative and stays finite on the shortest edges.
    """
    (along0, across0), (along1, across1) = _along_and_across(start, flat), _along_and_across(end, flat)
    with torch.no_grad():
        share = _share(across0, across1, line)
        slope = ((along1 - along0) / (across1 - across0)).nan_to_num(0).clamp(-1, 1)
    along, across = (1 - share) * along0 + share * along1, (1 - share) * across0 + share * across1
    return along + slope * (line - across)


def _candidates(mesh: ScreenMesh, size: int) -> Crossings:
    """All crossings of silhouettes with lines of pixels, visible or not."""
    image, half_edge = mesh.silhouettes()
    start, end = mesh.ends(image, half_edge)
    flat = (end.x - start.x).abs() > (end.y - start.y).abs()
    across0, across1 = _along_and_across(start, flat)[1], _along_and_across(end, flat)[1]
    first = torch.minimum(across0, across1).ceil().nan_to_num(0).clamp(0, size).long()
    last = torch.maximum(across0, across1).ceil().nan_to_num(0).clamp(0, size).long()
    edge = torch.repeat_interleave(last - first)
    line = torch.arange(len(edge), device=edge.device) - ((last - first).cumsum(0) - last)[edge]
    image, half_edge, flat, forward = (part[edge] for part in (image, half_edge, flat, across1 > across0))
    low = _crossing(Screen(start.x[edge], start.y[edge]), Screen(end.x[edge], end.y[edge]), flat, line).floor()
    # A face of positive area lies towards smaller columns of an edge that runs down, and towards larger rows of an
    # edge that runs right.
    larger = forward ^ ~flat ^ (mesh.front[half_edge // 3, image] == 0)
    low = low.nan_to_num(-1).clamp(-1, size).long()
    inside, outside = torch.where(larger, low + 1, low), torch.where(larger, low, low + 1)
    crossings = Crossings(image, half_edge, flat, line, inside, outside)
    return crossings.take(((low >= 0) & (low < size - 1)).nonzero()[:, 0])


def _visible(
    crossings: Crossings,
    mesh: ScreenMesh,
    face: Int[Tensor, "batch size size"],
    depth: Float[Tensor, "batch size size"],
    ends: tuple[Float[Tensor, " points"], Float[Tensor, " points"]],
) -> Crossings:
    """The crossings whose outside pixel lies behind the edge and whose inside pixel shows the edge's surface.

    `ends` are clip w and distance of the vertices. Distance over w is affine on the screen, and 1 for a pinhole.
    """
    size, face, depth = face.shape[1], face.flatten(), depth.flatten()
    start, end = mesh.ends(crossings.image, crossings.half_edge)
    across_start, across_end = (_along_and_across(point, crossings.flat)[1] for point in (start, end))
    share = _share(across_start, across_end, crossings.line)
    corners = [mesh.point(crossings.image, crossings.half_edge, step) for step in (0, 1)]
    (w_start, w_end), (to_start, to_end) = ([part[corner] for corner in corners] for part in ends)
    edge = (1 - share) * (to_start / w_start) + share * (to_end / w_end)
    outside, inside = (crossings.pixel(position, size) for position in (crossings.outside, crossings.inside))
    behind = (face[outside] < 0) | (depth[outside] * ((1 - share) / w_start + share / w_end) > edge)
    face_inside = face[inside]
    alike = (
        mesh.front[face_inside.clamp(min=0), crossings.image] == mesh.front[crossings.half_edge // 3, crossings.image]
    )
    keep = (behind & alike & (face_inside >= 0)).nonzero()[:, 0]
    crossings = crossings.take(keep)
    return crossings.take((_walk(mesh, crossings) == face_inside[keep]).nonzero()[:, 0])


def _walk(mesh: ScreenMesh, crossings: Crossings) -> Numbers:
    """The face reached by following the surface from each edge to its inside pixel; -2 where it ends before."""
    reached = torch.full_like(crossings.image, -2)
    number = torch.arange(len(reached), device=reached.device)
    start, end = mesh.ends(crossings.image, crossings.half_edge)
    entry = (*_along_and_across(start, crossings.flat), *_along_and_across(end, crossings.flat))
    state = (number, crossings.half_edge, *crossings.take(number), *entry)
    for _ in range(WALK):
        number, half_edge, image, _, flat, line, inside, outside, along_a, across_a, along_b, across_b = state
        if not len(number):
            break
        point = mesh.point(image, half_edge, 2)
        along_c, across_c = _along_and_across(Screen(mesh.screen.x[point], mesh.screen.y[point]), flat)
        through_next = (across_b <= line) != (across_c <= line)
        along, across = torch.where(through_next, along_b, along_a), torch.where(through_next, across_b, across_a)
        at = along + (line - across) / (across_c - across) * (along_c - along)
        arrived = (at - inside) * (inside - outside) >= 0
        reached[number[arrived]] = half_edge[arrived] // 3
        step = torch.where(through_next, 1, 2)
        leave = half_edge + step - 3 * (half_edge % 3 + step > 2)
        onward = (~arrived & ~mesh.folds(image, leave)).nonzero()[:, 0]
        # The neighbour runs along the shared edge the other way: from c to b, or from a to c.
        entry = (
            torch.where(through_next, along_c, along_a),
            torch.where(through_next, across_c, across_a),
            torch.where(through_next, along_b, along_c),
            torch.where(through_next, across_b, across_c),
        )
        state = (number, mesh.other[leave], image, half_edge, flat, line, inside, outside, *entry)
        state = tuple(part.index_select(0, onward) for part in state)
    return reached
