"""What stages and search have in hand: animals with surface and colours, where a crop shows them, and their maps.

A crop is taken as seen by the farm's camera, 25 degrees wide, at distance 10. Scale, shift and turn are those of CMR
(Kanazawa et al. 2018, section 2): how large the animal is, where it stands, how it is turned; the projection is the
farm's own, with perspective.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import tan
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn.functional import normalize

from models.data.columns import CAMERA, MESH, VIEWS, CameraColumn, MeshColumn, ViewsColumn
from models.data.crops import Crops, Sample, Samples
from models.geometry.cameras import DISTANCE, FOV, PerspectiveCamera
from models.methods.base import ReadColumn
from models.truth.barnyard import Scene
from models.truth.training_scenes import crop_scene, training_scenes

FOCAL = 1 / tan(FOV / 2)
HIDDEN = 0.1
"""Scene units by which a vertex may lie behind what a picture shows there, and still be seen."""
NEEDED = (CAMERA.name, MESH.name, VIEWS.name)


@dataclass(frozen=True)
class Placement:
    """Where crops show their animals."""

    scale: Float[Tensor, " batch"]
    shift: Float[Tensor, "batch 2"]
    """Right and up, in scene units at distance 10."""
    turn: Float[Tensor, "batch 4"]
    """Quaternion from the object to the camera frame, real part first, of any length."""

    def camera(self) -> PerspectiveCamera:
        """The cameras; a surface has to be `scale` times as large for them."""
        T = torch.zeros(len(self.scale), 4, 4, device=self.scale.device)
        T[:, :3, :3] = rotation(self.turn)
        T[:, :2, 3], T[:, 2, 3], T[:, 3, 3] = self.shift, -DISTANCE, 1.0
        return PerspectiveCamera(T)

    def mirrored(self, flipped: Bool[Tensor, " batch"]) -> "Placement":
        """Where mirrored crops show the mirrored animals."""
        sign = torch.where(flipped, -1.0, 1.0)[:, None]
        one = torch.ones_like(sign)
        return Placement(
            self.scale, self.shift * torch.cat((sign, one), 1), self.turn * torch.cat((one, one, sign, sign), 1)
        )

    def rows(self, rows: Int[Tensor, " chosen"]) -> "Placement":
        """Those of some crops."""
        return Placement(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device) -> "Placement":
        """The same on a device."""
        return Placement(*(getattr(self, field.name).to(device) for field in fields(self)))


def rotation(turn: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch 3 3"]:
    """Of quaternions of any length."""
    w, x, y, z = normalize(turn, dim=-1).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


@dataclass(frozen=True)
class Lesson:
    """One crop, and the animal in it."""

    sample: Sample
    rest: Float[ndarray, "vertices 3"]
    posed: Float[ndarray, "vertices 3"]
    faces: Int[ndarray, "faces 3"]
    colour: Float[ndarray, "vertices 3"]
    scale: float
    shift: tuple[float, float]
    turn: Float[ndarray, " 4"]


def place(
    vertices: Float[ndarray, "vertices 3"], R: Float[ndarray, "3 3"], ndc: Float[ndarray, "vertices 2"]
) -> tuple[float, tuple[float, float], Float[ndarray, " 4"]]:
    """Scale, shift and turn that show vertices where they are seen: linear least squares."""
    x, y, z = (vertices @ R.T).T
    zero, focal = np.zeros_like(x), np.full_like(x, FOCAL)
    across = np.stack((FOCAL * x + ndc[:, 0] * z, focal, zero), 1)
    down = np.stack((-FOCAL * y + ndc[:, 1] * z, zero, -focal), 1)
    known = DISTANCE * np.concatenate((ndc[:, 0], ndc[:, 1]))
    scale, right, up = np.linalg.lstsq(np.concatenate((across, down)), known)[0]
    turn = Rotation.from_matrix(R).as_quat(canonical=True)[[3, 0, 1, 2]].astype(np.float32)
    return float(scale), (float(right), float(up)), turn


def true_lessons(category: str, count: int, size: int) -> Iterator[Lesson]:
    """Animals of the barnyard that no evaluation holds out, cropped to `size` pixels.

    Raises ValueError for a category that the barnyard does not keep.
    """
    return (true_lesson(scene, size) for scene in training_scenes(category, count, size, "animals"))


def true_lesson(scene: Scene, size: int) -> Lesson:
    """One photo of the barnyard with its animal."""
    (crop, ndc, _), posed = crop_scene(scene, size), scene.mesh.vertices[0].numpy()
    placed = place(posed, scene.camera.T_camera_world[0, :3, :3].numpy(), ndc)
    return Lesson(crop, scene.rest, posed, scene.mesh.faces.numpy(), scene.albedo, *placed)


def distilled_lessons(samples: Samples, columns: ReadColumn) -> Iterator[Lesson]:
    """The farm's own crops with what a release answered for them."""
    read = [columns(name) for name in NEEDED]
    for row, answers in enumerate(zip(*read, strict=True)):
        pose, surface, views = (answer.estimate for answer in answers)
        camera, mesh, seen = cast(CameraColumn, pose), cast(MeshColumn, surface), cast(ViewsColumn, views)
        lens = PerspectiveCamera(torch.from_numpy(camera.T_camera_world)[None], float(camera.fov))
        ndc = lens.project(torch.from_numpy(mesh.vertices)[None])[0].numpy()
        placed = place(mesh.vertices, camera.T_camera_world[:3, :3], ndc)
        colour = seen_colours(mesh.vertices, seen)
        yield Lesson(samples[row], mesh.rest, mesh.vertices, mesh.faces, colour, *placed)


def seen_colours(vertices: Float[ndarray, "vertices 3"], views: ViewsColumn) -> Float[ndarray, "vertices 3"]:
    """Mean albedo of each vertex in the views that see it; what none sees is like the nearest that one does."""
    size = views.albedo.shape[1]
    camera = PerspectiveCamera(torch.from_numpy(views.T_camera_world), float(views.fov))
    points = torch.from_numpy(vertices).expand(len(views.albedo), -1, -1)
    ndc, distance = camera.project(points).numpy(), camera.distance(points).numpy()
    column, row = np.moveaxis(((ndc + 1) / 2 * size).astype(int).clip(0, size - 1), -1, 0)
    number = np.arange(len(views.albedo))[:, None]
    inside = views.mask[number, row, column] & (np.abs(ndc) < 1).all(-1)
    seen = inside & (distance < views.depth[number, row, column].astype(np.float32) + HIDDEN)
    total = (views.albedo[number, row, column] / 255 * seen[..., None]).sum(0)
    known = seen.any(0)
    if not known.any():
        return np.full_like(vertices, 0.5)
    colour = total / np.maximum(seen.sum(0), 1)[:, None]
    nearest = KDTree(vertices[known]).query(vertices)[1]
    return colour[known][nearest].astype(np.float32)


@dataclass(frozen=True)
class AnimalMaps:
    """Stage 1's result: every animal as maps over the sphere."""

    displacement: Float[Tensor, "animals 3 rows columns"]
    """Along normal, tangent and bitangent, in scene units."""
    colour: Float[Tensor, "animals 3 texels texels"]
    """In [-1, 1]."""


class Pictures:
    """All crops in memory, cut out, and where each shows its animal."""

    def __init__(self, lessons: Sequence[Lesson], size: int) -> None:
        """Reads every crop once."""
        self.crops = Crops([lesson.sample for lesson in lessons], size, torch.device("cpu"))
        self.placement = Placement(
            torch.tensor([lesson.scale for lesson in lessons]),
            torch.tensor([lesson.shift for lesson in lessons]),
            torch.from_numpy(np.stack([lesson.turn for lesson in lessons])),
        )

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.crops)

    def batch(
        self, rows: Int[Tensor, " batch"], flipped: Bool[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch 4 size size"], Placement]:
        """Colours on black and mask of these crops, some mirrored, and where they show their animals."""
        crops = self.crops.batch(rows, flipped)
        pictures = torch.cat((crops.image * crops.mask[..., None], crops.mask[..., None]), -1).permute(0, 3, 1, 2)
        return pictures, self.placement.rows(rows).mirrored(flipped)
