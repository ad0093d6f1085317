"""From a colour field to a picture on the surface: packs its charts, and paints what the field says."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from models.core.errors import MissingPackage
from models.rendering import Renderer
from models.rendering.cutting import Charts
from models.rendering.unwrapping import run_packing

PADDING_PX = 4
"""Texels between charts, for mipmaps."""


@dataclass(frozen=True)
class Atlas:
    """A mesh cut into charts: vertices on a cut appear once per chart."""

    source: Int[np.ndarray, " corners"]
    """The mesh's vertex behind each vertex of the atlas."""
    faces: Int[np.ndarray, "faces 3"]
    """The same faces in the same order, by atlas vertices."""
    uv: Float[np.ndarray, "corners 2"]
    """In [0, 1]; (0, 0) is the top left corner of the texture, as in glTF."""


def pack(charts: Charts, size: int) -> Atlas:
    """Charts side by side, with `PADDING_PX` texels between them at a texture of `size`; xatlas finds their places.

    In a process of its own, so that the threads of this one go on: a run's heartbeat is one of them.
    """
    try:
        uv = run_packing(_apart(charts), charts.faces, size, PADDING_PX)
    except ModuleNotFoundError as error:
        raise MissingPackage(f"a textured asset needs charts: pip install xatlas ({error})") from error
    return Atlas(charts.source, charts.faces, _move_rigidly(charts, uv))


def _apart(charts: Charts) -> Float[np.ndarray, "corners 2"]:
    """The charts in a row: corners at one place would be one corner for xatlas."""
    least, most = (_of_charts(charts, bound) for bound in (np.minimum, np.maximum))
    widths = most[:, 0] - least[:, 0]
    start = np.cumsum(widths + 0.01 * widths.max()) - widths
    return charts.flat - least[_chart_of_corner(charts)] + np.stack((start, 0 * start), -1)[_chart_of_corner(charts)]


def _move_rigidly(charts: Charts, uv: Float[np.ndarray, "corners 2"]) -> Float[np.ndarray, "corners 2"]:
    """Each chart at its place without the rounding of xatlas, which turns thin faces over."""
    moved, number = np.zeros_like(uv), _chart_of_corner(charts)
    known = np.concatenate((charts.flat, np.ones((len(uv), 1))), 1)
    for chart in range(int(number.max()) + 1):
        own = number == chart
        moved[own] = known[own] @ np.linalg.lstsq(known[own], uv[own])[0]
    return moved


def _chart_of_corner(charts: Charts) -> Int[np.ndarray, " corners"]:
    number = np.zeros(len(charts.source), np.int64)
    number[charts.faces.reshape(-1)] = np.repeat(charts.chart, 3)
    return number


def _of_charts(charts: Charts, bound: np.ufunc) -> Float[np.ndarray, "charts 2"]:
    """The least or the most of the places of each chart."""
    values = np.full((int(charts.chart.max()) + 1, 2), -bound(-np.inf, np.inf))
    bound.at(values, _chart_of_corner(charts), charts.flat)
    return values


def bake(
    atlas: Atlas,
    canonical: Float[Tensor, "vertices coordinates"],
    field: Callable[[Float[Tensor, "points coordinates"]], Float[Tensor, "points channels"]],
    renderer: Renderer,
    size: int,
) -> UInt8[np.ndarray, "{size} {size} channels"]:
    """A field with values in [0, 1] on the charts, read at `canonical` points; gaps take the nearest value."""
    uv = torch.from_numpy(atlas.uv).to(canonical)
    flat = torch.cat((2 * uv - 1, torch.zeros_like(uv[:, :1]), torch.ones_like(uv[:, :1])), -1)
    faces = torch.from_numpy(atlas.faces).to(canonical.device)
    fragments = renderer.rasterize(flat[None], faces, size)
    points = renderer.interpolate(canonical[torch.from_numpy(atlas.source)][None], fragments, faces)[0]
    covered = fragments.face[0] >= 0
    if not covered.any():
        raise ValueError(
            f"texture: no texel of {size} x {size} is covered by {len(faces)} faces; give a mesh with area"
        )
    values = (field(points[covered]).clamp(0, 1) * 255).round().byte().cpu().numpy()
    texels = np.zeros((size, size, values.shape[1]), np.uint8)
    texels[covered.cpu().numpy()] = values
    rows, columns = np.asarray(
        distance_transform_edt(~covered.cpu().numpy(), return_distances=False, return_indices=True)
    )
    return texels[rows, columns]
