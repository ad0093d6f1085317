"""Charts laid flat: angles first (Lévy et al. 2002), then as rigid as possible (Liu et al. 2008).

Folds that are left are smoothed away where they can be. A chart may have holes, and needs a border. Lengths stay those
of the surface as nearly as its curvature lets them.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import block_array, coo_array, csc_array, diags_array, eye_array
from scipy.sparse.linalg import splu

ROUNDS = 25
"""Steps between the turns of all faces and the places of all corners."""
UNFOLDINGS = 8
"""Rings round a fold, at most, whose corners are laid anew."""
SHARPEST = 1e3
"""Cotangent of the sharpest angle that counts."""
COTANGENT = (0.05, 20.0)
"""Weights of edges are held between these: obtuse and thin faces would fold others over."""

Flat = Float[ndarray, "corners 2"]
Faces = Int[ndarray, "faces 3"]
Triangles = Float[ndarray, "faces 3 2"]


def flatten(vertices: Float[ndarray, "corners 3"], faces: Faces) -> Flat:
    """A chart in the plane, counter-clockwise as seen from outside, in the units of its surface."""
    triangles = lay_triangles(vertices, faces)
    flat = _keep_angles(vertices, faces, triangles)
    area = _signed_areas(flat[faces]).sum()
    flat = flat * np.sqrt(_signed_areas(triangles).sum() / max(abs(area), 1e-12))
    return _unfold(_keep_lengths(flat, faces, triangles), faces, triangles)


def stretches(
    triangles: Triangles, flat: Flat, faces: Faces
) -> tuple[Float[ndarray, " faces"], Float[ndarray, " faces"]]:
    """By how much each face is stretched the most and the least in the plane; the least of one turned over is below 0.

    `triangles` is what `lay_triangles` says of the same faces.
    """
    before, after = (
        np.stack((part[:, 1] - part[:, 0], part[:, 2] - part[:, 0]), -1) for part in (triangles, flat[faces])
    )
    jacobian = after @ np.linalg.inv(before)
    (a, b), (c, d) = jacobian.transpose(1, 2, 0)
    turn, skew = np.hypot(a + d, c - b) / 2, np.hypot(a - d, b + c) / 2
    return turn + skew, turn - skew


def lay_triangles(vertices: Float[ndarray, "corners 3"], faces: Faces) -> Triangles:
    """Every face alone in the plane, its first edge along x."""
    a, b, c = vertices[faces].swapaxes(0, 1)
    length = np.maximum(np.linalg.norm(b - a, axis=1), 1e-9)
    along = (b - a) / length[:, None]
    x = ((c - a) * along).sum(1)
    y = np.maximum(np.linalg.norm(c - a - x[:, None] * along, axis=1), 1e-9)
    zero = np.zeros_like(x)
    return np.stack((np.stack((zero, zero), -1), np.stack((length, zero), -1), np.stack((x, y), -1)), 1)


def border(faces: Faces) -> Int[ndarray, "edges 2"]:
    """Edges of one face alone, in its direction."""
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    count = int(faces.max()) + 1
    return edges[~np.isin(edges @ (count, 1), edges @ (1, count))]


def _keep_angles(vertices: Float[ndarray, "corners 3"], faces: Faces, triangles: Triangles) -> Flat:
    """Least squares conformal map; the two corners of the border that are farthest apart keep their distance."""
    count = len(vertices)
    stiffness = _laplacian(faces, _cotangents(triangles), count) / 2
    start, end = faces.T.reshape(-1), np.roll(faces, -1, 1).T.reshape(-1)
    area = coo_array((np.full(len(start), 0.5), (start, end)), shape=(count, count)).tocsc()
    area = area - area.T
    system = csc_array(block_array([[stiffness, -area], [area, stiffness]]))
    rim = np.unique(border(faces))
    first = rim[((vertices[rim] - vertices[rim].mean(0)) ** 2).sum(1).argmax()]
    last = rim[((vertices[rim] - vertices[first]) ** 2).sum(1).argmax()]
    held = np.array((first, last, first + count, last + count))
    flat = np.zeros(2 * count)
    flat[last] = np.linalg.norm(vertices[last] - vertices[first])
    free = np.setdiff1d(np.arange(2 * count), held)
    rows = system[free]
    flat[free] = splu(csc_array(rows[:, free])).solve(-(rows[:, held] @ flat[held]))
    return flat.reshape(2, count).T


def _keep_lengths(flat: Flat, faces: Faces, triangles: Triangles) -> Flat:
    """Each face turned to where it lies, and all corners to where the faces that share them agree, by turns."""
    weights = np.clip(_cotangents(triangles), *COTANGENT)
    solver = splu(csc_array(_laplacian(faces, weights, len(flat)) + 1e-9 * eye_array(len(flat))))
    after, before = np.roll(faces, -1, 1), np.roll(faces, -2, 1)
    edges = np.roll(triangles, -1, 1) - np.roll(triangles, -2, 1)
    for _ in range(ROUNDS):
        drawn = flat[after] - flat[before]
        cosine = (weights[..., None] * drawn * edges).sum((1, 2))
        sine = (weights * (drawn[..., 1] * edges[..., 0] - drawn[..., 0] * edges[..., 1])).sum(1)
        length = np.maximum(np.hypot(cosine, sine), 1e-12)
        turns = np.stack((cosine, -sine, sine, cosine), -1).reshape(-1, 2, 2) / length[:, None, None]
        pull = weights[..., None] * np.einsum("fij,fej->fei", turns, edges)
        wanted = np.zeros_like(flat)
        np.add.at(wanted, after, pull)
        np.add.at(wanted, before, -pull)
        flat = solver.solve(wanted)
        flat = flat - flat.mean(0)
    return flat


def _unfold(flat: Flat, faces: Faces, triangles: Triangles) -> Flat:
    """Corners round faces that are turned over, each in the middle of its neighbours (Tutte 1963), in ever wider rings.

    The border stays where it is.
    """
    laplacian = _laplacian(faces, np.ones(faces.shape), len(flat)).tocsr()
    rim, free = np.unique(border(faces)), np.zeros(len(flat), bool)
    for _ in range(UNFOLDINGS):
        folded = stretches(triangles, flat, faces)[1] <= 0
        if not folded.any():
            break
        free[faces[folded]] = True
        free[faces[free[faces].any(1)]] = True
        inner = np.setdiff1d(np.flatnonzero(free), rim)
        if len(inner):
            rows = laplacian[inner]
            pull = rows @ np.where(np.isin(np.arange(len(flat)), inner)[:, None], 0, flat)
            flat = flat.copy()
            flat[inner] = splu(csc_array(rows[:, inner])).solve(-pull)
    return flat


def _cotangents(triangles: Triangles) -> Float[ndarray, "faces 3"]:
    """Of the angle at each corner, for the edge that lies opposite."""
    one, other = np.roll(triangles, -1, 1) - triangles, np.roll(triangles, -2, 1) - triangles
    across = np.abs(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
    return np.clip((one * other).sum(-1) / np.maximum(across, 1e-12), -SHARPEST, SHARPEST)


def _laplacian(faces: Faces, weights: Float[ndarray, "faces 3"], count: int) -> csc_array:
    """Graph Laplacian; each corner's weight is that of the edge opposite."""
    first, second = np.roll(faces, -1, 1).reshape(-1), np.roll(faces, -2, 1).reshape(-1)
    both = np.concatenate((weights.reshape(-1),) * 2)
    pairs = (np.concatenate((first, second)), np.concatenate((second, first)))
    edges = coo_array((both, pairs), shape=(count, count)).tocsc()
    return csc_array(diags_array(np.asarray(edges.sum(0)).ravel()) - edges)


def _signed_areas(triangles: Triangles) -> Float[ndarray, " faces"]:
    """Above 0 where counter-clockwise."""
    one, other = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
