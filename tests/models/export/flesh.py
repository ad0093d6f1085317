"""The solid inside of a skinned surface, which every joint has something of, also where a leg runs into the trunk.

Skin weights go inward as harmonic functions, so that at the surface the solid moves as the surface does. The left half
of an animal alone: the right one is its mirror image.
"""

from itertools import product

import numpy as np
from scipy.ndimage import binary_fill_holes
from scipy.sparse import coo_array, eye_array
from scipy.sparse.linalg import cg

from tests.storage.gltf_player import Player

TETRAHEDRA = ((0, 1, 3, 7), (0, 3, 2, 7), (0, 2, 6, 7), (0, 6, 4, 7), (0, 4, 5, 7), (0, 5, 1, 7))
"""Of a cube whose corners are numbered by their binary places."""
JOINTS = {
    "shoulder": "upperarm_l", "elbow": "lowerarm_l", "carpus": "hand_l", "fetlock": "fingers_l",
    "hip": "thigh_l", "stifle": "calf_l", "hock": "foot_l", "hind fetlock": "ball_l",
}  # fmt: skip


class Flesh:
    """Small cubes that fill an animal; `fineness` of them are as high as it is."""

    def __init__(self, player: Player, fineness: int = 50) -> None:
        self.player = player
        rest = player.attribute("POSITION").astype(float)
        self.height = float(rest[:, 1].max())
        self.nodes, self.weights, self.cubes = _fill(rest, player.weights, player.faces, self.height / fineness)
        self.volumes = _volumes(self.nodes, self.cubes)

    def changes(self, clip: str, moments: int = 9) -> dict[str, float]:
        """For each joint, by how much the flesh near it grows or shrinks, at the worst of so many moments of a clip.

        Near: within a fourteenth of the height along the bone below, within a fifth of it in all.
        """
        middles = self.nodes[self.cubes].mean(1)
        near = {name: self._is_near(middles, bone) for name, bone in JOINTS.items()}
        seconds = np.linspace(0, self.player.duration(clip), moments, endpoint=False)
        motion = self.player.joints(clip, seconds) @ np.linalg.inv(self.player.bind)
        changes: dict[str, list[float]] = {name: [] for name in near}
        for T_moved_rest in motion:
            mixed = (self.weights @ T_moved_rest[:, :3].reshape(-1, 12)).reshape(-1, 3, 4)
            volumes = _volumes(np.einsum("nij,nj->ni", mixed[..., :3], self.nodes) + mixed[..., 3], self.cubes)
            for name, own in near.items():
                changes[name].append(float(volumes[own].sum() / self.volumes[own].sum() - 1))
        return {name: max(values, key=abs) for name, values in changes.items()}

    def _is_near(self, points: np.ndarray, bone: str) -> np.ndarray:
        frame = self.player.bind[self.player.names.index(bone)]
        offset = points - frame[:3, 3]
        along = np.abs(offset @ frame[:3, 1])
        return (along < self.height / 14) & (np.linalg.norm(offset, axis=1) < 0.2 * self.height)


def _fill(
    rest: np.ndarray, weights: np.ndarray, faces: np.ndarray, pitch: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the nodes of a grid in the left half, their weights, and the cubes of which all corners are inside."""
    points, known = _sample(rest, weights, faces, pitch / 2)
    left = points[:, 0] > -pitch / 2
    origin = np.array((0, *(points.min(0)[1:] - 2 * pitch)))
    cells = np.round((points[left] - origin) / pitch).astype(int)
    shape = tuple(cells.max(0) + 3)
    skin, member = np.unique(np.ravel_multi_index(cells.T, shape), return_inverse=True)
    grid = np.zeros((int(np.prod(shape)), weights.shape[1]))
    grid[skin] = coo_array((np.ones(len(member)), (member, np.arange(len(member))))).tocsr() @ known[left]
    grid[skin] /= grid[skin].sum(1, keepdims=True)
    is_skin = np.zeros(shape, bool)
    is_skin.flat[skin] = True
    inside = binary_fill_holes(np.concatenate((is_skin[::-1], is_skin)))[shape[0] :]
    _go_inward(grid, inside & ~is_skin)
    number = np.full(shape, -1)
    number[inside] = np.arange(inside.sum())
    corners = list(product((0, 1), repeat=3))
    sizes = np.array(shape) - 1
    parts = [number[tuple(slice(c, c + size) for c, size in zip(corner, sizes, strict=True))] for corner in corners]
    cubes = np.stack([part.ravel() for part in parts], 1)
    return np.argwhere(inside) * pitch + origin, grid[inside.ravel()], cubes[(cubes >= 0).all(1)]


def _sample(rest: np.ndarray, weights: np.ndarray, faces: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Points all over a surface and their weights."""
    corners = rest[faces]
    pieces = np.ceil(np.linalg.norm(corners - np.roll(corners, 1, 1), axis=-1).max(1) / step).astype(int)
    points, known = [], []
    for count in np.unique(pieces):
        shares = np.array([(i, j, count - i - j) for i in range(count + 1) for j in range(count + 1 - i)]) / count
        own = faces[pieces == count]
        points.append(np.einsum("sc,fci->fsi", shares, rest[own]).reshape(-1, 3))
        known.append(np.einsum("sc,fcb->fsb", shares, weights[own]).reshape(-1, weights.shape[1]))
    return np.concatenate(points), np.concatenate(known)


def _go_inward(grid: np.ndarray, free: np.ndarray) -> None:
    """Values of the free nodes as the means of their six neighbours; nothing passes the mirror plane."""
    number = np.full(free.shape, -1)
    number[free] = np.arange(free.sum())
    places, own = np.argwhere(free), np.arange(int(free.sum()))
    rows, columns, known = [], [], np.zeros((len(own), grid.shape[1]))
    for axis, side in product(range(3), (1, -1)):
        beside = places.copy()
        beside[:, axis] = np.abs(beside[:, axis] + side)
        other = number[tuple(beside.T)]
        rows.append(own[other >= 0])
        columns.append(other[other >= 0])
        known[other < 0] += grid[np.ravel_multi_index(beside[other < 0].T, free.shape)]
    pairs = np.concatenate(rows), np.concatenate(columns)
    system = (6 * eye_array(len(own)) - coo_array((np.ones(len(pairs[0])), pairs), shape=(len(own),) * 2)).tocsr()
    flat = free.ravel()
    for bone in np.flatnonzero(known.any(0)):
        grid[flat, bone] = np.maximum(cg(system, known[:, bone], rtol=3e-3)[0], 0)
    grid[flat] /= grid[flat].sum(1, keepdims=True)


def _volumes(nodes: np.ndarray, cubes: np.ndarray) -> np.ndarray:
    """Of cubes that may be bent; below 0 where turned inside out."""
    corners, total = nodes[cubes], np.zeros(len(cubes))
    for a, b, c, d in TETRAHEDRA:
        one, two, three = (corners[:, corner] - corners[:, a] for corner in (b, c, d))
        total += np.einsum("ni,ni->n", one, np.cross(two, three)) / 6
    return total
