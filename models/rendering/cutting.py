"""A surface cut into few charts that lie flat: into given pieces first, then where one will not lie flat.

Whether a chart lies over itself is known exactly: it does not if no face is turned over, the faces round each corner
inside go round it once, and its border does not cross itself.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models.rendering.flattening import border, flatten, lay_triangles, stretches

FEWEST = 40
"""A chart of fewer faces is joined to its neighbour."""
MOVES = 4
"""Times that faces at which a border crosses itself go over to the chart beyond; what is folded then is halved."""
LEAST_PART = 0.1
"""Share of a chart that is cut off at its folds, at least."""
SMOOTHINGS = 8
"""Rounds in which a face goes over to the piece of most of its neighbours: a cut without teeth."""
BLOCK = 1024
"""Edges of a border that are held against all others at once."""

Labels = Int[ndarray, " faces"]


@dataclass(frozen=True)
class Charts:
    """Charts before they are packed; vertices on a cut appear once per side of it."""

    source: Int[ndarray, " corners"]
    """The mesh's vertex behind each."""
    faces: Int[ndarray, "faces 3"]
    """The mesh's faces in their order, by these vertices."""
    flat: Float[ndarray, "corners 2"]
    """In the units of the surface; charts lie one over the other."""
    chart: Labels
    """Which chart each face is in."""


@dataclass(frozen=True)
class _Edges:
    """Edges between two faces: which faces, and which corner of each face they start from, in its direction."""

    faces: Int[ndarray, "edges 2"]
    corners: Int[ndarray, "edges 2"]

    def groups(self, kept: Bool[ndarray, " edges"], count: int) -> Labels:
        """Number of the group of faces that hang together by the edges that are kept."""
        first, second = self.faces[kept].T
        return _groups(first, second, count)


def _groups(first: Int[ndarray, " pairs"], second: Int[ndarray, " pairs"], count: int) -> Int[ndarray, " count"]:
    joined = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return np.asarray(connected_components(joined, directed=False)[1])


def cut_charts(vertices: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"], piece: Labels) -> Charts:
    """Few charts without faces that lie over others; at first the faces of one piece make a chart.

    Raises ValueError if the faces have no area.
    """
    triangles = lay_triangles(vertices, faces)
    if not triangles[:, 2, 1].max(initial=0) > max(1e-6 * np.ptp(vertices), 1e-8):
        raise ValueError(f"mesh: its {len(faces)} faces have no area; give a mesh with a surface")
    edges = _find_edges(faces)
    labels = _tidy(edges, piece.astype(np.int64))
    laid: dict[bytes, ndarray] = {}
    for _ in range(MOVES):
        charts = _flatten_all(vertices, faces, edges, labels, laid)
        following = _tidy(edges, _move_over(edges, labels, find_folds(charts, triangles)))
        if np.array_equal(following, labels):
            break
        labels = following
    while True:
        charts = _flatten_all(vertices, faces, edges, labels, laid)
        folded = find_folds(charts, triangles)
        if not folded.any():
            return charts
        labels = _halve(vertices[faces].mean(1), charts.chart, labels, folded)


def find_folds(charts: Charts, triangles: Float[ndarray, "faces 3 2"]) -> Bool[ndarray, " faces"]:
    """Faces that are turned over or wound twice round a corner, and those where the border of a chart crosses itself.

    Without any, no face lies over another (the number of faces over a point is how often the border winds round it).
    `triangles` is what `lay_triangles` says of the same faces.
    """
    folded = (stretches(triangles, charts.flat, charts.faces)[1] <= 0) | _find_windings(charts)
    for number in range(int(charts.chart.max()) + 1):
        members = np.flatnonzero(charts.chart == number)
        rim = border(charts.faces[members])
        crossed = _cross(rim, charts.flat)
        corners = charts.faces[members]
        directed = np.stack((corners, np.roll(corners, -1, 1)), -1) @ (len(charts.flat), 1)
        folded[members] |= np.isin(directed, rim[crossed] @ (len(charts.flat), 1)).any(1)
        if len(members) == 1:
            folded[members] = False
    return folded


def _find_windings(charts: Charts) -> Bool[ndarray, " faces"]:
    """Faces round a corner, within a chart, that turn round it more than once."""
    triangles, turns = charts.flat[charts.faces], np.zeros(len(charts.flat))
    for corner in range(3):
        a, b, c = (triangles[:, (corner + step) % 3] for step in range(3))
        angle = np.arctan2(np.abs(_turn(a, b, c)), ((b - a) * (c - a)).sum(1))
        np.add.at(turns, charts.faces[:, corner], angle)
    wound = turns > 3 * np.pi
    wound[border(charts.faces)] = False
    return np.asarray(wound[charts.faces].any(1))


def _cross(rim: Int[ndarray, "edges 2"], flat: Float[ndarray, "corners 2"]) -> Bool[ndarray, " edges"]:
    """Edges that cross another one."""
    crossed = np.zeros(len(rim), bool)
    start, end = flat[rim[:, 0]], flat[rim[:, 1]]
    for first in range(0, len(rim), BLOCK):
        a, b = start[first : first + BLOCK, None], end[first : first + BLOCK, None]
        apart = (_turn(a, b, start) * _turn(a, b, end) < 0) & (_turn(start, end, a) * _turn(start, end, b) < 0)
        own = rim[first : first + BLOCK, None, :, None]
        crossed[first : first + BLOCK] = (apart & ~(own == rim[:, None]).any((2, 3))).any(1)
    return crossed


def _turn(a: Float[ndarray, "*#n 2"], b: Float[ndarray, "*#n 2"], c: Float[ndarray, "*#n 2"]) -> ndarray:
    """Above 0 where the way from a over b to c turns to the left."""
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])


def _find_edges(faces: Int[ndarray, "faces 3"]) -> _Edges:
    count = len(faces)
    ends = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    key = np.sort(ends, 1) @ (int(faces.max()) + 1, 1)
    order = np.argsort(key, kind="stable")
    pair = np.flatnonzero(key[order][1:] == key[order][:-1])
    both = np.stack((order[pair], order[pair + 1]), -1)
    return _Edges(both % count, both // count)


def _tidy(edges: _Edges, labels: Labels) -> Labels:
    """Neither crumbs nor teeth."""
    return _join_small(edges, _smooth(edges, _join_small(edges, labels)))


def _smooth(edges: _Edges, labels: Labels) -> Labels:
    """A face goes over to a piece that two of its neighbours are in."""
    labels = labels.copy()
    table = np.full((len(labels), 3), -1)
    for this, other in ((0, 1), (1, 0)):
        table[edges.faces[:, this], edges.corners[:, this]] = edges.faces[:, other]
    numbers = np.arange(len(table))
    for turn in range(SMOOTHINGS):
        around = np.where(table >= 0, labels[table], -1)
        for first, second in ((0, 1), (1, 2), (2, 0)):
            tooth = (around[:, first] == around[:, second]) & (around[:, first] >= 0) & (numbers % 2 == turn % 2)
            labels[tooth] = around[tooth, first]
    return labels


def _join_small(edges: _Edges, labels: Labels) -> Labels:
    """No chart of fewer than `FEWEST` faces, or a quarter of its surface: it goes to its longest neighbour."""
    labels = labels.copy()
    whole = edges.groups(np.ones(len(edges.faces), bool), len(labels))
    limit = np.minimum(FEWEST, np.bincount(whole)[whole] // 4)
    while True:
        cut = labels[edges.faces[:, 0]] != labels[edges.faces[:, 1]]
        chart = edges.groups(~cut, len(labels))
        size = np.bincount(chart)
        around = np.concatenate((edges.faces[cut], edges.faces[cut][:, ::-1]))
        around = around[size[chart[around[:, 0]]] < limit[around[:, 0]]]
        if not len(around):
            return labels
        least = chart[around[:, 0]][size[chart[around[:, 0]]].argmin()]
        outside = around[chart[around[:, 0]] == least, 1]
        labels[chart == least] = np.bincount(labels[outside]).argmax()


def _flatten_all(
    vertices: Float[ndarray, "vertices 3"],
    faces: Int[ndarray, "faces 3"],
    edges: _Edges,
    labels: Labels,
    laid: dict[bytes, ndarray],
) -> Charts:
    """Each chart laid flat by itself, a closed one to a point; `laid` keeps those that do not change."""
    kept = labels[edges.faces[:, 0]] == labels[edges.faces[:, 1]]
    count, (one, other), (here, there) = len(faces), edges.faces[kept].T, edges.corners[kept].T
    ends = np.concatenate((3 * one + here, 3 * one + (here + 1) % 3))
    corner = _groups(ends, np.concatenate((3 * other + (there + 1) % 3, 3 * other + there)), 3 * count)
    source = np.zeros(int(corner.max()) + 1, np.int64)
    source[corner] = faces.reshape(-1)
    corners, chart = corner.reshape(-1, 3), edges.groups(kept, count)
    flat = np.zeros((len(source), 2))
    for number in range(int(chart.max()) + 1):
        own, local = np.unique(corners[chart == number], return_inverse=True)
        key = source[own].tobytes() + local.tobytes()
        if key not in laid:
            shape = local.reshape(-1, 3)
            laid[key] = flatten(vertices[source[own]], shape) if len(border(shape)) else np.zeros((len(own), 2))
        flat[own] = laid[key]
    return Charts(source, corners, flat, chart)


def _move_over(edges: _Edges, labels: Labels, folded: Bool[ndarray, " faces"]) -> Labels:
    """Folded faces on a cut in the piece beyond it."""
    moved = labels.copy()
    for here, beyond in (edges.faces.T, edges.faces[:, ::-1].T):
        gone = folded[here] & (labels[here] != labels[beyond])
        moved[here[gone]] = labels[beyond[gone]]
    return moved


def _halve(
    middles: Float[ndarray, "faces 3"], chart: Labels, labels: Labels, folded: Bool[ndarray, " faces"]
) -> Labels:
    """Each chart with folded faces becomes two pieces along its longest side, cut at its folds or in its middle."""
    labels = labels.copy()
    for number in np.unique(chart[folded]):
        members = np.flatnonzero(chart == number)
        centred = middles[members] - middles[members].mean(0)
        along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
        beyond = along > along[folded[members]].mean()
        if not LEAST_PART < beyond.mean() < 1 - LEAST_PART:
            beyond = np.argsort(np.argsort(along, kind="stable")) >= len(members) // 2
        labels[members[beyond]] = labels.max() + 1
    return labels
