"""From a prediction to what an artist can use: a rigged, textured mesh with a walk clip, as plain arrays."""

from dataclasses import dataclass, replace
from typing import Protocol, TypeGuard

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from scipy.spatial.transform import Rotation
from torch import Tensor

from models.export.photo_coat import PhotoCoated
from models.geometry.decimation import decimate
from models.geometry.kinematics import bone_frames, euler_xyz
from models.geometry.mesh import Mesh, vertex_normals
from models.rendering import Renderer
from models.rendering.reconstruction import Reconstruction, Rigged, Textured
from models.rendering.texture import Atlas, bake, unwrap

WALK_SECONDS = 1.2
WALK_FRAMES = 25
MOST_FACES = 60_000
"""A grid of 256 gives four times as many; unwrapping them takes minutes, and nobody animates them."""


@dataclass(frozen=True)
class Asset:
    """One animal in its bind pose, with the pose of its photo and named clips, in the object frame."""

    name: str
    vertices: Float[ndarray, "vertices 3"]
    """In the bind pose; vertices along the seams of the texture come several times."""
    posed: Float[ndarray, "vertices 3"]
    """The same vertices in the pose of the photo, as they were predicted."""
    normals: Float[ndarray, "vertices 3"]
    """Unit normals in the bind pose."""
    faces: Int[ndarray, "faces 3"]
    uv: Float[ndarray, "vertices 2"]
    """In [0, 1]; (0, 0) is the top left corner of the texture."""
    texture: UInt8[ndarray, "texels texels 3"]
    """Base colour."""
    coverage: UInt8[ndarray, "texels texels"] | None
    """255 where the colour is the photo's own, 128 where it is that of its mirror image, 0 where it is predicted; None
    where all of it is predicted."""
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each bone's parent; -1 for a root."""
    T_world_bone: Float[ndarray, "bones 4 4"]
    """Bind frames."""
    weights: Float[ndarray, "vertices bones"]
    """How much each bone carries each vertex; rows sum to 1."""
    pose: Float[ndarray, "bones 4"]
    """The pose of the photo: rotations in the bones' own frames as quaternions (x, y, z, w)."""
    clips: dict[str, tuple[Float[ndarray, " frames"], Float[ndarray, "frames bones 4"]]]
    """Seconds, and rotations like `pose`, of each animation by its name."""


class Exportable(Reconstruction, Rigged, Textured, Protocol):
    """An answer that becomes a rigged, textured asset."""


def is_exportable(reconstruction: Reconstruction) -> TypeGuard[Exportable]:
    """Whether a rigged, textured asset can be made of it."""
    return isinstance(reconstruction, Rigged) and isinstance(reconstruction, Textured)


@torch.no_grad()
def asset(reconstruction: Exportable, renderer: Renderer, row: int, name: str, texture: int = 1024) -> Asset:
    """One animal of a batch, cut along the seams of its texture of `texture` x `texture` texels."""
    one = reconstruction.pick(row)
    rig, rest = one.rig(), one.rest()
    mesh = one.mesh(0) or rest
    atlas = _atlas(rest, texture)

    def colors(points: Float[Tensor, "points coordinates"]) -> Float[Tensor, "points channels"]:
        image = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        albedo = one.albedo(points, image)
        return torch.cat((albedo, one.coverage(points, image)[:, None]), 1) if isinstance(one, PhotoCoated) else albedo

    texels = bake(atlas, one.canonical(), colors, renderer, texture)
    seconds = np.linspace(0, WALK_SECONDS, WALK_FRAMES)
    return Asset(
        name=name,
        vertices=rest.vertices[0].cpu().numpy()[atlas.source],
        posed=mesh.vertices[0].cpu().numpy()[atlas.source],
        normals=_unit(vertex_normals(rest)[0].cpu().numpy())[atlas.source],
        faces=atlas.faces,
        uv=atlas.uv,
        texture=texels[..., :3],
        coverage=texels[..., 3] if texels.shape[2] > 3 else None,
        bones=one.bone_names(),
        parents=rig.parents,
        T_world_bone=bone_frames(rig.ends)[0].cpu().double().numpy(),
        weights=one.skin_weights()[0].cpu().numpy()[atlas.source],
        pose=_quaternions(one.angles().cpu())[0],
        clips={"walk": (seconds, _quaternions(one.walk(WALK_FRAMES)))},
    )


def _atlas(mesh: Mesh, texture: int) -> Atlas:
    """The mesh cut into charts, of at most `MOST_FACES` of its faces."""
    vertices, faces = mesh.vertices[0].cpu().numpy(), mesh.faces.cpu().numpy()
    kept, faces = decimate(vertices, faces, MOST_FACES)
    atlas = unwrap(vertices[kept], faces, texture)
    return replace(atlas, source=kept[atlas.source])


def _quaternions(angles: torch.Tensor) -> ndarray:
    """(frames, bones, 4) as x, y, z, w."""
    turns = euler_xyz(angles.double()).numpy()
    return Rotation.from_matrix(turns.reshape(-1, 3, 3)).as_quat().reshape(*turns.shape[:2], 4)


def _unit(normals: ndarray) -> ndarray:
    """Unit length; a vertex without area looks up."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-3, normals / np.maximum(length, 1e-3), (0.0, 1.0, 0.0))
