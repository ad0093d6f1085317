"""Fewer faces by collapsing edges where the surface loses least (Garland and Heckbert 1997).

A vertex always moves onto one of its neighbours, so no new vertex is made: whatever a vertex carries (weights, colours,
poses, places in a texture) holds for the smaller mesh as well. Many edges that are far from each other go at once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from models.geometry.mesh import adjacency

Faces = Int[ndarray, "faces 3"]
CHEAPEST = 0.3
"""Share of the possible collapses, the cheapest ones, among which those of one round are chosen."""
TURN = 0.3
"""Cosine by which a face may turn in one collapse."""


def decimate(
    vertices: Float[ndarray, "corners 3"],
    faces: Faces,
    most: int,
    uv: Float[ndarray, "corners 2"] | None = None,
) -> tuple[Int[ndarray, " kept"], Int[ndarray, "fewer 3"]]:
    """The vertices that are kept, by number, and at most `most` faces among them; all where there are no more.

    Vertices at one place are one, as along the seams of a texture `uv`; seams stay. More faces than `most` are left
    where no edge can go without a hole or a fold.

    Raises ValueError if the faces have no area.
    """
    if len(faces) <= most:
        return np.arange(len(vertices)), faces
    positions, joined = np.unique(vertices, axis=0, return_inverse=True)
    positions, joined = positions.astype(np.float64), joined.reshape(-1)
    quadrics = _quadrics(positions, joined[faces])
    if not np.trace(quadrics.sum(0)[:3, :3]) > 0:
        raise ValueError(f"mesh: its {len(faces)} faces have no area; give a mesh with a surface")
    surface = _Surface(faces, joined, positions, uv)
    banned = np.zeros(0, np.int64)
    while len(surface.faces) > most:
        collapses = surface.collapses(quadrics, banned, (len(surface.faces) - most + 1) // 2)
        if not len(collapses.start):
            break
        folds = surface.folds(collapses)
        banned = np.union1d(banned, collapses.key[folds])
        collapses = collapses.take(~folds)
        np.add.at(quadrics, collapses.end, quadrics[collapses.start])
        surface = surface.collapsed(collapses)
    kept, numbers = np.unique(surface.faces, return_inverse=True)
    return kept, numbers.reshape(-1, 3)


@dataclass(frozen=True)
class _Collapses:
    """Edges that go: every vertex `start` moves onto its neighbour `end`, and its corners onto corners of that."""

    start: Int[ndarray, " edges"]
    end: Int[ndarray, " edges"]
    corners: Int[ndarray, "edges 2 2"]
    """On both sides of the edge the corner that goes and the one that takes its place; both sides are alike where no
    seam runs along the edge."""
    key: Int[ndarray, " edges"]

    def take(self, chosen: Bool[ndarray, " edges"] | Int[ndarray, " chosen"]) -> "_Collapses":
        """Some of them."""
        return _Collapses(self.start[chosen], self.end[chosen], self.corners[chosen], self.key[chosen])


@dataclass(frozen=True)
class _Surface:
    """A mesh whose vertices may come several times as corners."""

    faces: Faces
    """By corners."""
    joined: Int[ndarray, " corners"]
    """The vertex of each corner."""
    positions: Float[ndarray, "vertices 3"]
    uv: Float[ndarray, "corners 2"] | None

    def collapses(
        self, quadrics: Float[ndarray, "vertices 4 4"], banned: Int[ndarray, " keys"], most: int
    ) -> _Collapses:
        """At most so many cheap ones that are far from each other and open no hole."""
        edges, neighbours = self._edges(), adjacency(self.joined[self.faces], len(self.positions))
        edges = edges.take(~np.isin(edges.key, banned))
        shared = np.asarray((neighbours @ neighbours)[edges.start, edges.end]).ravel()
        edges = edges.take(shared == 2)
        place = np.c_[self.positions[edges.end], np.ones(len(edges.end))]
        cost = np.einsum("ei,eij,ej->e", place, quadrics[edges.start] + quadrics[edges.end], place)
        cost += 1e-9 * np.square(place[:, :3] - self.positions[edges.start]).sum(1)
        order = np.argsort(cost, kind="stable")
        edges = edges.take(order[: max(1, int(CHEAPEST * len(order)))] if len(order) else order)
        rank, count = np.arange(len(edges.start)), len(self.positions)
        first = np.full(count, len(rank))
        np.minimum.at(first, edges.start, rank)
        np.minimum.at(first, edges.end, rank)
        near, rows = first.copy(), neighbours.tocoo()
        np.minimum.at(near, rows.coords[0], first[rows.coords[1]])
        apart = np.flatnonzero((near[edges.start] == rank) & (near[edges.end] == rank))
        return edges.take(apart[:most])

    def folds(self, collapses: _Collapses) -> Bool[ndarray, " edges"]:
        """Which of them would turn a face over, on the surface or in the texture."""
        vertex = self.joined[self.faces]
        number = np.full(len(self.positions), -1)
        number[collapses.start] = np.arange(len(collapses.start))
        face, corner = np.nonzero(number[vertex] >= 0)
        edge = number[vertex[face, corner]]
        stays = (vertex[face] != collapses.end[edge][:, None]).all(1)
        face, edge = face[stays], edge[stays]
        after = self._moved(collapses)[self.faces[face]]
        before, turned = (_normals(self.positions[self.joined[part]]) for part in (self.faces[face], after))
        bad = (before * turned).sum(1) < TURN * np.linalg.norm(before, axis=1) * np.linalg.norm(turned, axis=1) + 1e-30
        if self.uv is not None:
            bad |= _areas(self.uv[self.faces[face]]) * _areas(self.uv[after]) <= 0
        folds = np.zeros(len(collapses.start), bool)
        folds[edge[bad]] = True
        return folds

    def collapsed(self, collapses: _Collapses) -> "_Surface":
        """The mesh without these edges."""
        faces = self._moved(collapses)[self.faces]
        first, second, third = self.joined[faces].T
        return _Surface(
            faces[(first != second) & (second != third) & (third != first)], self.joined, self.positions, self.uv
        )

    def _moved(self, collapses: _Collapses) -> Int[ndarray, " corners"]:
        """The corner that takes the place of each."""
        moved = np.arange(len(self.joined))
        moved[collapses.corners[..., 0]] = collapses.corners[..., 1]
        return moved

    def _edges(self) -> _Collapses:
        """Edges with two faces whose start has no corner but those beside them, in both directions."""
        start, end = self.faces.reshape(-1), np.roll(self.faces, -1, 1).reshape(-1)
        start, end = np.r_[start, end], np.r_[end, start]
        key = self.joined[start] * len(self.positions) + self.joined[end]
        order = np.argsort(key, kind="stable")
        key, corners = key[order], np.c_[start, end][order]
        first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
        pair = first[np.diff(np.r_[first, len(key)]) == 2]
        corners = np.stack((corners[pair], corners[pair + 1]), 1)
        used = np.unique(self.faces)
        count = np.bincount(self.joined[used], minlength=len(self.positions))
        start = self.joined[corners[:, 0, 0]]
        alike = (corners[:, 0] == corners[:, 1]).all(1) & (count[start] == 1)
        seam = (corners[:, 0, 0] != corners[:, 1, 0]) & (count[start] == 2)
        border = np.zeros(len(self.positions), bool)
        lonely = first[np.diff(np.r_[first, len(key)]) != 2]
        border[key[lonely] // len(self.positions)] = True
        edges = _Collapses(start, self.joined[corners[:, 0, 1]], corners, key[pair])
        return edges.take((alike | seam) & ~border[start])


def _quadrics(positions: Float[ndarray, "vertices 3"], faces: Faces) -> Float[ndarray, "vertices 4 4"]:
    """Squared distance to the planes of each vertex's faces, weighted by their areas."""
    normals = _normals(positions[faces])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit = normals / np.maximum(length, 1e-30)
    plane = np.c_[unit, -(unit * positions[faces[:, 0]]).sum(1)]
    outer = plane[:, :, None] * plane[:, None] * length[:, :, None]
    quadrics = np.zeros((len(positions), 4, 4))
    for corner in faces.T:
        np.add.at(quadrics, corner, outer)
    return quadrics


def _normals(corners: Float[ndarray, "faces 3 3"]) -> Float[ndarray, "faces 3"]:
    """Twice the area long."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _areas(corners: Float[ndarray, "faces 3 2"]) -> Float[ndarray, " faces"]:
    """Twice the signed area of each."""
    (a, b), (c, d) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return a * d - b * c
