"""Stage 1: the UV sphere is fitted to the rest shapes of animals, and carried along with their surfaces.

ConvMesh (section 3.1) learns a network that reconstructs photos for this. Here surfaces are known, be they the farm's
own answers, so the sphere is fitted to them: by Chamfer distance, in the smooth coordinates of Nicolet et al. 2021.
One animal is fitted from the sphere, all others from that one: so a texel means the same part of every animal.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from pydantic import Field
from scipy.spatial import KDTree
from torch import Tensor

from models.core.config import Config
from models.engine.loop import Checkpoints, Report
from models.geometry.mesh import Mesh, face_normals
from models.geometry.uv_sphere import UvSphere, middles, read_map
from models.methods.meshinversion.state import Lesson

NORMAL = 0.3
"""Scene units by which points of opposite normals are apart, halved."""
NEAREST = 4
"""Vertices that a point of the sphere follows."""
FIRST, LATER = (20.0, 4.0, 1.0), (4.0, 1.0)
"""How smooth the steps are, for the animal that all others start from and for these."""


class FitConfig(Config):
    """How the sphere is fitted."""

    first_steps: int = Field(default=450, ge=3, description="steps for the animal that all others start from")
    steps: int = Field(default=20, ge=2, description="steps for each of the others")
    points: int = Field(default=2000, ge=1, description="points on each surface")
    rate: float = Field(default=0.02, gt=0, description="step length of Adam in scene units")
    flat: float = Field(default=0.01, ge=0, description="weight of (1 - cosine)^2 between neighbouring faces")
    save_every: int = Field(default=100, ge=1, description="animals between checkpoints")


def fit_animals(  # noqa: PLR0913 - the last two are how every stage goes on and tells
    lessons: Iterable[Lesson],
    sphere: UvSphere,
    texels: int,
    config: FitConfig,
    checkpoints: Checkpoints,
    report: Report,
) -> tuple[Float[Tensor, "animals vertices 3"], UInt8[Tensor, "animals 3 {texels} {texels}"]]:
    """The sphere on each animal in its pose, and its colours; one individual is fitted once.

    Goes on from the newest checkpoint, which has the animals until then.
    """
    done, kept = checkpoints.newest() or (0, {"shapes": [], "colours": []})
    shapes, colours = list[Tensor](kept["shapes"]), list[Tensor](kept["colours"])
    first: Tensor | None = kept.get("first")
    fitted: Tensor | None = kept.get("fitted")
    rest: Float[ndarray, "vertices 3"] | None = kept["rest"].numpy() if "rest" in kept else None
    for number, lesson in enumerate(islice(lessons, done, None), done + 1):
        surface = sample_surface(lesson.rest, lesson.faces, config.points)
        if first is None:
            first = fit_sphere(sphere, envelope(sphere, surface), surface, config, FIRST)
        if fitted is None or rest is None or not np.array_equal(rest, lesson.rest):
            rest, fitted = lesson.rest, fit_sphere(sphere, first, surface, config)
        shapes.append(carry(fitted, lesson.rest, lesson.posed))
        colours.append((colour_map(fitted, sphere, texels, lesson.rest, lesson.colour) * 255).round().byte())
        if number % config.save_every == 0:
            going_on = {"first": first, "fitted": fitted, "rest": torch.from_numpy(rest)}
            checkpoints.save(number, {"shapes": shapes, "colours": colours, **going_on})
            report(number, {}, None)
    return torch.stack(shapes), torch.stack(colours)


def fit_sphere(
    sphere: UvSphere,
    start: Float[Tensor, "vertices 3"],
    surface: Float[Tensor, "points 6"],
    config: FitConfig,
    stages: Sequence[float] = LATER,
) -> Float[Tensor, "vertices 3"]:
    """The sphere on a surface, given by points and their normals, from where it lies on another one.

    `stages` are the smoothness of the steps, one after the other.
    """
    steps = (config.first_steps if stages is FIRST else config.steps) // len(stages)
    pairs, places = neighbours(sphere), KDTree(surface[:, :3].numpy())
    vertices = start
    for strength in stages:
        inverse, base = smoothing(sphere, strength), vertices.detach()
        moved = torch.zeros_like(base, requires_grad=True)
        adam = torch.optim.Adam([moved], lr=config.rate, betas=(0.9, 0.95))
        for step in range(steps):
            adam.param_groups[0]["lr"] = config.rate * (1 - step / steps) ** 0.5
            vertices = base + inverse @ moved
            loss = _distance(vertices, sphere.faces, surface, places)
            adam.zero_grad()
            (loss + config.flat * bending(vertices[None], sphere.faces, pairs)).backward()
            adam.step()
        vertices = (base + inverse @ moved).detach()
    return vertices


def _distance(
    vertices: Float[Tensor, "vertices 3"],
    faces: Int[Tensor, "faces 3"],
    surface: Float[Tensor, "points 6"],
    places: KDTree,
) -> Float[Tensor, ""]:
    """Squared Chamfer distance of the middles of faces; towards ours, a face that looks another way is far."""
    middles = vertices[faces].mean(1)
    along = face_normals(Mesh(vertices[None], faces))[0].detach()
    ours = torch.cat((middles, along / (along.norm(dim=-1, keepdim=True) + 1e-12)), 1)
    nearest = torch.from_numpy(places.query(middles.detach().numpy())[1])
    facing = torch.from_numpy(KDTree(_weighted(ours)).query(_weighted(surface))[1])
    there = (middles - surface[nearest, :3]).square().sum(-1).mean()
    return there + (middles[facing] - surface[:, :3]).square().sum(-1).mean()


def _weighted(points: Float[Tensor, "points 6"]) -> Float[ndarray, "points 6"]:
    return (points.detach() * points.new_tensor((1, 1, 1) + (NORMAL,) * 3)).numpy()


@lru_cache(maxsize=8)
def neighbours(sphere: UvSphere) -> Int[Tensor, "edges 2"]:
    """Faces on both sides of every edge."""
    solid = trimesh.Trimesh(np.zeros((len(sphere.points), 3)), sphere.faces.cpu().numpy(), process=False)
    return torch.from_numpy(solid.face_adjacency.copy()).to(sphere.faces.device)


def bending(
    vertices: Float[Tensor, "batch vertices 3"], faces: Int[Tensor, "faces 3"], pairs: Int[Tensor, "edges 2"]
) -> Float[Tensor, ""]:
    """Mean of (1 - cosine)^2 of the angle between neighbouring faces."""
    along = face_normals(Mesh(vertices, faces))
    unit = along / (along.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return (1 - (unit[:, pairs[:, 0]] * unit[:, pairs[:, 1]]).sum(-1)).square().mean()


@lru_cache(maxsize=8)
def smoothing(sphere: UvSphere, strength: float) -> Float[Tensor, "vertices vertices"]:
    """(I + strength L)^-1 with the graph Laplacian L of the sphere."""
    count = len(sphere.points)
    start, end = sphere.faces.flatten(), sphere.faces.roll(-1, 1).flatten()
    linked = torch.zeros(count, count)
    linked[start, end] = linked[end, start] = 1.0
    laplacian = torch.diag(linked.sum(1)) - linked
    return torch.linalg.inv(torch.eye(count) + strength * laplacian)


def sample_surface(
    vertices: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"], count: int
) -> Float[Tensor, "{count} 6"]:
    """Points and unit normals, evenly over the surface; the same at every call."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    points, index = trimesh.sample.sample_surface(mesh, count, seed=0)[:2]
    return torch.from_numpy(np.concatenate((points, mesh.face_normals[index]), 1).astype(np.float32))


def envelope(sphere: UvSphere, surface: Float[Tensor, "points 6"]) -> Float[Tensor, "vertices 3"]:
    """The sphere as an ellipsoid about all points."""
    low, high = surface[:, :3].amin(0), surface[:, :3].amax(0)
    return sphere.points * (high - low) * 0.55 + (low + high) / 2


def carry(
    points: Float[Tensor, "points 3"], rest: Float[ndarray, "vertices 3"], posed: Float[ndarray, "vertices 3"]
) -> Float[Tensor, "points 3"]:
    """Points near a surface at rest where its pose brings them: each follows the vertices nearest to it."""
    weight, rows = _nearest(points, rest)
    moved = torch.from_numpy((posed - rest).astype(np.float32))
    return points + (weight[..., None] * moved[rows]).sum(1)


def colour_map(
    vertices: Float[Tensor, "vertices 3"],
    sphere: UvSphere,
    texels: int,
    rest: Float[ndarray, "others 3"],
    colour: Float[ndarray, "others 3"],
) -> Float[Tensor, "3 {texels} {texels}"]:
    """What colour a surface has where each texel of the sphere that was fitted to it lies."""
    grid = vertices[:-2].T.unflatten(1, (sphere.size, sphere.size))[None]
    v, u = torch.meshgrid(middles(texels), middles(texels), indexing="ij")
    places = torch.stack((u, v), -1).flatten(0, 1)
    weight, rows = _nearest(read_map(grid, places, torch.zeros(len(places), dtype=torch.long)), rest)
    seen = torch.from_numpy(colour.astype(np.float32))[rows]
    return (weight[..., None] * seen).sum(1).T.unflatten(1, (texels, texels))


def _nearest(
    points: Float[Tensor, "points 3"], others: Float[ndarray, "others 3"]
) -> tuple[Float[Tensor, "points near"], Int[Tensor, "points near"]]:
    """Rows of the nearest others, and weights that sum to 1 and fall with their distance."""
    distance, rows = KDTree(others).query(points.numpy(), k=NEAREST)
    weight = torch.from_numpy(1 / (distance**2 + 1e-4)).float()
    return weight / weight.sum(1, keepdim=True), torch.from_numpy(rows)
