"""The frame in which a crop's animal is predicted, and what is known of it in training.

Crop frame: the camera's axes (x right, y up, z towards the viewer), the origin at the middle of the animal's depth, and
half of the picture's width at that depth for a unit. A crop is taken as seen by the farm's camera, 25 degrees wide, at
distance 10. The voxel grid is a frustum in it: columns and rows are the picture's, layers go from near to far.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import tan

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from models.data.columns import CameraColumn, MeshColumn
from models.data.crops import Crops, Sample, Samples
from models.geometry.cameras import DISTANCE, FOV, PerspectiveCamera, look_at
from models.metrics.chamfer import solid_voxels
from models.truth.barnyard import Scene
from models.truth.training_scenes import crop_scene, training_scenes

HALF = tan(FOV / 2)
"""Half of the picture's width at distance 1."""
UNIT = DISTANCE * HALF
"""Scene units to a unit of the crop frame."""
FINER = 3
"""Voxels of a training mesh are counted in cells so many times as fine."""
FILLED = 0.35
"""Share of its cells that makes a voxel occupied. Cells that the surface touches count whole; thin legs are rather kept
than lost."""


@dataclass(frozen=True)
class Lesson:
    """One crop and the animal in it."""

    sample: Sample
    vertices: Float[ndarray, "vertices 3"]
    """Crop frame."""
    faces: Int[ndarray, "faces 3"]
    azimuth: float
    elevation: float


def to_crop_frame(
    ndc: Float[ndarray, "vertices 2"], distance: Float[ndarray, " vertices"], zoom: float = 1.0
) -> Float[ndarray, "vertices 3"]:
    """Points by where they are seen in the crop (x right, y down) and by their distance along the camera's axis.

    `zoom` is how many times larger the crop shows the animal than the picture that the farm's camera took.
    """
    middle = (distance.min() + distance.max()) / 2
    z = -zoom * (distance - middle) / (middle * HALF)
    width = (1 - z * HALF)[:, None]
    return np.concatenate((ndc * (1, -1) * width, z[:, None]), 1).astype(np.float32)


def project(points: Float[Tensor, "points 3"]) -> Float[Tensor, "points 2"]:
    """Normalised device coordinates of points of the crop frame, x right and y down."""
    width = (1 - points[:, 2:] * HALF).clamp(min=0.1)
    return points[:, :2] * points.new_tensor((1, -1)) / width


def from_grid(
    places: Float[Tensor, "points 3"], size: int, depth: Float[Tensor, " points"]
) -> Float[Tensor, "points 3"]:
    """Places in a grid of `size` voxels (column, row, layer) to the crop frame, whose animal is `depth` deep."""
    u, v, layer = (2 * places / size - 1).unbind(1)
    z = -layer * depth / 2
    width = 1 - z * HALF
    return torch.stack((u * width, -v * width, z), 1)


def to_world(points: Float[Tensor, "*batch points 3"], camera: PerspectiveCamera) -> Float[Tensor, "*batch points 3"]:
    """Points of the crop frames of a batch of cameras in the object frame."""
    T = camera.T_camera_world
    return (points * UNIT - points.new_tensor((0, 0, DISTANCE)) - T[:, None, :3, 3]) @ T[:, :3, :3]


def voxels(lesson: Lesson, size: int) -> Bool[ndarray, "{size} {size} {size}"]:
    """Which voxels of the grid (column, row, layer) are inside the animal; its layers span it exactly."""
    x, y, z = lesson.vertices.T
    width = 1 - z * HALF
    cells = size * FINER
    depth = max(float(np.ptp(z)), 1e-6)
    grid = (np.stack((x / width, -y / width, -2 * z / depth), 1) + 1) / 2 * cells
    inside = filled_cells(grid, lesson.faces, cells)
    return inside.reshape(size, FINER, size, FINER, size, FINER).mean((1, 3, 5)) > FILLED


def filled_cells(
    vertices: Float[ndarray, "vertices 3"], faces: Int[ndarray, "faces 3"], size: int
) -> Bool[ndarray, "{size} {size} {size}"]:
    """Unit cells of [0, size]^3 on or inside a surface, which may reach beyond them."""
    solid = solid_voxels(trimesh.Trimesh(vertices - 0.5, faces, process=False), 1.0)
    first = np.rint(solid.translation).astype(int)
    cells, source = np.zeros((size,) * 3, bool), solid.matrix
    low, high = np.maximum(first, 0), np.minimum(first + source.shape, size)
    if (low < high).all():
        inner = tuple(slice(a - f, b - f) for a, b, f in zip(low, high, first, strict=True))
        cells[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = source[inner]
    return cells


def true_lessons(category: str, count: int, size: int) -> Iterator[Lesson]:
    """Animals of the barnyard that no evaluation holds out, cropped to `size` pixels.

    Raises ValueError for a category that the barnyard does not keep.
    """
    return (true_lesson(scene, size) for scene in training_scenes(category, count, size, "meshes"))


def true_lesson(scene: Scene, size: int) -> Lesson:
    """One photo of the barnyard with the true mesh of its animal."""
    (crop, ndc, zoom), camera, mesh = crop_scene(scene, size), scene.camera, scene.mesh
    vertices = to_crop_frame(ndc, camera.distance(mesh.vertices)[0].numpy(), zoom)
    return Lesson(crop, vertices, mesh.faces.numpy(), float(camera.azimuth[0]), float(camera.elevation[0]))


def distilled_lessons(
    samples: Samples, cameras: Sequence[CameraColumn], meshes: Sequence[MeshColumn]
) -> Iterator[Lesson]:
    """The farm's own crops with what a release answered for them."""
    for row, (pose, surface) in enumerate(zip(cameras, meshes, strict=True)):
        camera = PerspectiveCamera(torch.from_numpy(pose.T_camera_world)[None], float(pose.fov))
        points = torch.from_numpy(surface.vertices)[None]
        vertices = to_crop_frame(camera.project(points)[0].numpy(), camera.distance(points)[0].numpy())
        yield Lesson(samples[row], vertices, surface.faces, float(camera.azimuth[0]), float(camera.elevation[0]))


def sample_lesson(lesson: Lesson, count: int) -> tuple[Float[ndarray, "{count} 3"], Float[ndarray, "{count} 3"]]:
    """Points on the animal's surface and their unit normals, evenly over its area; the same at every call."""
    mesh = trimesh.Trimesh(lesson.vertices, lesson.faces, process=False)
    points, faces = trimesh.sample.sample_surface(mesh, count, seed=0)[:2]
    return np.asarray(points, np.float32), mesh.face_normals[faces].astype(np.float32)


@dataclass(frozen=True)
class Answers:
    """What is known of a batch of lessons."""

    image: Float[Tensor, "batch size size 3"]
    mask: Float[Tensor, "batch size size"]
    occupied: Bool[Tensor, "batch grid grid grid"]
    depth: Float[Tensor, " batch"]
    """Of the animals, in the crop frame."""
    direction: Float[Tensor, "batch 3"]
    """From the animal to the camera, object frame."""
    points: Float[Tensor, "batch points 3"]
    """On the surface, crop frame."""
    normals: Float[Tensor, "batch points 3"]

    def to(self, device: torch.device) -> "Answers":
        """The same on a device."""
        return Answers(*(getattr(self, field.name).to(device) for field in fields(self)))


class Lessons:
    """All lessons in memory, at one resolution, with points on their surfaces."""

    def __init__(self, lessons: Sequence[Lesson], size: int, grid: int, points: int, device: torch.device) -> None:
        """Reads every lesson once; `points` are kept of each surface."""
        if not lessons:
            raise ValueError("the training has 0 meshes; give method.lessons at least 1")
        self.crops = Crops([lesson.sample for lesson in lessons], size, torch.device("cpu"))
        self.device = device
        self._occupied = torch.from_numpy(np.stack([voxels(lesson, grid) for lesson in lessons]))
        self._depth = torch.tensor([float(np.ptp(lesson.vertices[:, 2])) for lesson in lessons])
        angles = torch.tensor([(lesson.azimuth, lesson.elevation) for lesson in lessons])
        self._direction = look_at(*angles.unbind(1)).T_camera_world[:, 2, :3]
        surfaces = [sample_lesson(lesson, points) for lesson in lessons]
        self._points, self._normals = (torch.from_numpy(np.stack(part)) for part in zip(*surfaces, strict=True))

    def __len__(self) -> int:
        """Number of lessons."""
        return len(self.crops)

    def batch(self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"]) -> Answers:
        """These lessons, some of them mirrored left to right."""
        crops, mirror = self.crops.batch(rows, flipped), torch.where(flipped, -1.0, 1.0)
        sign = torch.stack((mirror, torch.ones_like(mirror), torch.ones_like(mirror)), 1)
        grids = self._occupied[rows]
        grids = torch.where(flipped[:, None, None, None], grids.flip(1), grids)
        known = (grids, self._depth[rows], self._direction[rows] * sign)
        surface = (part[rows] * sign[:, None] for part in (self._points, self._normals))
        return Answers(crops.image, crops.mask, *known, *surface).to(self.device)
