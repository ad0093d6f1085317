"""From a prediction to what an artist can use: a rigged, textured mesh with clips, as plain arrays in metres."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeGuard

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from torch import Tensor

from models.export.photo_coat import PhotoCoated
from models.export.rigging import Clip, Rigging, rig, stand
from models.export.seams import divide_coat
from models.geometry.decimation import decimate
from models.geometry.mesh import Mesh, vertex_normals
from models.rendering import Renderer
from models.rendering.cutting import cut_charts
from models.rendering.reconstruction import Reconstruction, Rigged, Textured
from models.rendering.texture import Atlas, bake, pack

MOST_FACES = 60_000
"""A grid of 256 gives four times as many; unwrapping them takes minutes, and nobody animates them."""


@dataclass(frozen=True)
class Asset:
    """One animal in its bind pose with named clips, in metres: y = 0 is the ground, the head is at +z."""

    name: str
    vertices: Float[ndarray, "vertices 3"]
    """In the bind pose, all hooves on the ground; vertices along the seams of the texture come several times."""
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
    clips: dict[str, Clip]
    """Loops by their names, and the pose of the photo."""
    sliders: Mapping[str, Float[ndarray, "vertices 3"]] = field(default_factory=dict[str, ndarray])
    """By its name, how far each vertex of the bind pose goes when a number of the shape grows by 1."""
    origin: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a file says of where it comes from: licence, prompt, lineage, digests of the model."""


class Exportable(Reconstruction, Rigged, Textured, Protocol):
    """An answer that becomes a rigged, textured asset."""


def is_exportable(reconstruction: Reconstruction) -> TypeGuard[Exportable]:
    """Whether a rigged, textured asset can be made of it."""
    return isinstance(reconstruction, Rigged) and isinstance(reconstruction, Textured)


@torch.no_grad()
def asset(
    reconstruction: Exportable,
    renderer: Renderer,
    row: int,
    name: str,
    texture: int = 1024,
    shoulder_height: float = 1.0,
) -> Asset:
    """One animal of a batch, cut along the seams of its texture of `texture` x `texture` texels.

    From the ground to its withers it measures `shoulder_height` metres.
    """
    one = reconstruction.pick(row)
    rest = one.rest()
    posed = (one.mesh(0) or rest).vertices[0].cpu().numpy()
    rigging = rig(rest.vertices[0].cpu().numpy(), rest.faces.cpu().numpy(), one.legs, shoulder_height)
    bind = Mesh(torch.from_numpy(rigging.landmarks.vertices)[None], rest.faces.cpu())
    standing = stand(posed, rigging.landmarks)
    atlas = _atlas(rest.faces.cpu().numpy(), rigging, texture)

    def colors(points: Float[Tensor, "points coordinates"]) -> Float[Tensor, "points channels"]:
        image = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        albedo = one.albedo(points, image)
        return torch.cat((albedo, one.coverage(points, image)[:, None]), 1) if isinstance(one, PhotoCoated) else albedo

    texels = bake(atlas, one.canonical(), colors, renderer, texture)
    return Asset(
        name=name,
        vertices=rigging.landmarks.vertices[atlas.source],
        posed=standing[atlas.source],
        normals=_unit(vertex_normals(bind)[0].numpy())[atlas.source],
        faces=atlas.faces,
        uv=atlas.uv,
        texture=texels[..., :3],
        coverage=texels[..., 3] if texels.shape[2] > 3 else None,
        bones=rigging.armature.names,
        parents=rigging.armature.parents,
        T_world_bone=rigging.armature.frames,
        weights=rigging.weights[atlas.source],
        clips=rigging.clips(standing),
    )


def _atlas(faces: Int[ndarray, "faces 3"], rigging: Rigging, texture: int) -> Atlas:
    """The surface cut into charts, of at most `MOST_FACES` of its faces."""
    kept, faces = decimate(rigging.landmarks.vertices, faces, MOST_FACES)
    vertices = rigging.landmarks.vertices[kept]
    piece = divide_coat(vertices, faces, rigging.armature, rigging.weights[kept])
    atlas = pack(cut_charts(vertices, faces, piece), texture)
    return replace(atlas, source=kept[atlas.source])


def _unit(normals: ndarray) -> ndarray:
    """Unit length; a vertex without area looks up."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-3, normals / np.maximum(length, 1e-3), (0.0, 1.0, 0.0))
