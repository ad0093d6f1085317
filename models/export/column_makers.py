"""What a reconstruction says of a crop, as columns of a derived shard: pseudo-truth for other methods to learn from.

Points, vertices and cameras are in the frames of `models.geometry`. Nothing is drawn at random but the novel views,
whose cameras depend on the key of the sample alone.
"""

from collections.abc import Callable, Sequence
from math import pi

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.data.columns import (
    ARTICULATION,
    CAMERA,
    COLUMNS,
    KEYPOINTS,
    MESH,
    VIEWS,
    ArticulationColumn,
    CameraColumn,
    Content,
    DerivedColumn,
    KeypointColumn,
    MeshColumn,
    ViewsColumn,
)
from models.data.crops import random
from models.geometry.cameras import PerspectiveCamera, look_at
from models.geometry.mesh import Mesh
from models.rendering.reconstruction import Reconstruction, Renderable, Rigged


class DerivationConfig(Config):
    """How much is derived of each crop."""

    views: int = Field(default=4, ge=1, description="novel views")
    size: int = Field(default=64, ge=8, description="pixels along an edge of a novel view, and to decide visibility")
    highest: float = Field(default=0.5, ge=0, description="largest elevation of a novel view's camera in radians")
    points: int = Field(default=64, ge=1, description="vertices whose projections are keypoints")


Maker = Callable[[Reconstruction, str, DerivationConfig], Content]
"""The content of a column from a reconstruction of one crop, and the crop's key."""


@torch.no_grad()
def derive_columns(
    reconstruction: Reconstruction, keys: Sequence[str], names: Sequence[str], config: DerivationConfig
) -> list[dict[str, bytes]]:
    """For each crop of a batch, named by its key, its columns by extension, encoded.

    Raises ValueError for a column that is not derived, or that this reconstruction cannot give.
    """
    answers: list[dict[str, bytes]] = []
    for row, key in enumerate(keys):
        one = reconstruction.pick(row)
        members = (_encode(name, one, key, config) for name in names)
        answers.append(dict(members))
    return answers


def camera_column(one: Reconstruction) -> CameraColumn:
    """The predicted camera."""
    camera = _camera(one, CAMERA.name)
    return CameraColumn(_floats(camera.T_camera_world[0]), np.array(camera.fov, np.float32))


def mesh_column(one: Reconstruction) -> MeshColumn:
    """The posed surface, and at rest where it has bones."""
    mesh = _mesh(one, MESH.name)
    rest = one.rest() if isinstance(one, Rigged) else mesh
    faces = mesh.faces.cpu().numpy().astype(np.int32)
    return MeshColumn(_floats(mesh.vertices[0]), _floats(rest.vertices[0]), faces)


def articulation_column(one: Reconstruction) -> ArticulationColumn:
    """Angles, joints and skinning weights."""
    if not isinstance(one, Rigged):
        raise ValueError(_lacking(ARTICULATION.name, one, "bones"))
    return ArticulationColumn(_floats(one.angles()[0]), _floats(one.rig().ends[0]), _floats(one.skin_weights()[0]))


def keypoint_column(one: Reconstruction, config: DerivationConfig) -> KeypointColumn:
    """The same vertices of every animal, projected into the crop; visible where one of their faces owns a pixel."""
    mesh, camera = _mesh(one, KEYPOINTS.name), _camera(one, KEYPOINTS.name)
    if not isinstance(one, Renderable):
        raise ValueError(_lacking(KEYPOINTS.name, one, "pictures"))
    count = mesh.vertices.shape[1]
    vertex = np.linspace(0, count - 1, min(config.points, count)).round().astype(np.int32)
    faces = mesh.faces.cpu().numpy()
    visible = np.zeros(count, bool)
    visible[faces[one.render(config.size).visible[0].cpu().numpy()]] = True
    points = camera.project(mesh.vertices.to(camera.T_camera_world.device))[0]
    return KeypointColumn(_floats(points)[vertex], visible[vertex], vertex)


def views_column(one: Reconstruction, key: str, config: DerivationConfig) -> ViewsColumn:
    """Pictures from cameras all round the animal; each has the light where the photo's camera has it."""
    many, camera = one.pick(0, config.views), novel_cameras(key, config)
    if not isinstance(many, Renderable):
        raise ValueError(_lacking(VIEWS.name, one, "pictures"))
    drawn = many.render(config.size, camera)
    return ViewsColumn(
        rgb=_bytes(drawn.rgb),
        albedo=_bytes(drawn.albedo),
        mask=drawn.mask.cpu().numpy() > 0.5,
        depth=drawn.depth.cpu().numpy().astype(np.float16),
        normal=drawn.normal.cpu().numpy().astype(np.float16),
        T_camera_world=_floats(camera.T_camera_world),
        fov=np.array(camera.fov, np.float32),
    )


def _bytes(colours: Float[Tensor, "*shape"]) -> UInt8[ndarray, "*shape"]:
    return (colours.clamp(0, 1) * 255).round().byte().cpu().numpy()


def novel_cameras(key: str, config: DerivationConfig) -> PerspectiveCamera:
    """One camera in each of as many equal sectors round the animal, at the distance of the crops' cameras."""
    azimuth, elevation = torch.rand(2, config.views, generator=random("novel views", key))
    sectors = torch.arange(config.views) + azimuth
    return look_at(2 * pi * sectors / config.views, config.highest * elevation)


MAKERS: dict[str, Maker] = {
    CAMERA.name: lambda one, key, config: camera_column(one),
    MESH.name: lambda one, key, config: mesh_column(one),
    ARTICULATION.name: lambda one, key, config: articulation_column(one),
    VIEWS.name: views_column,
    KEYPOINTS.name: lambda one, key, config: keypoint_column(one, config),
}
"""The columns that can be derived of any reconstruction that has what they need."""


def _encode(name: str, one: Reconstruction, key: str, config: DerivationConfig) -> tuple[str, bytes]:
    column = COLUMNS.get(name)
    if name not in MAKERS or not isinstance(column, DerivedColumn):
        raise ValueError(f"column {name!r} is derived by nobody; choose among {', '.join(MAKERS)}")
    return column.extension, column.encode(MAKERS[name](one, key, config))


def _mesh(one: Reconstruction, name: str) -> Mesh:
    mesh = one.mesh(0)
    if mesh is None:
        raise ValueError(_lacking(name, one, "surface"))
    return mesh


def _camera(one: Reconstruction, name: str) -> PerspectiveCamera:
    if not isinstance(one.camera, PerspectiveCamera):
        raise ValueError(_lacking(name, one, "perspective camera"))
    return one.camera


def _lacking(name: str, one: Reconstruction, what: str) -> str:
    return f"column {name!r} cannot be derived of a {type(one).__name__}, which has no {what}; take another method"


def _floats(values: Tensor) -> Float[ndarray, "..."]:
    return values.detach().cpu().numpy().astype(np.float32)
