"""From a prediction to what an artist can use: a rigged, textured mesh with a walk clip, as plain arrays."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from scipy.spatial.transform import Rotation

from models.core.category import Skeleton
from models.geometry.gait import walk
from models.geometry.kinematics import bone_frames, euler_xyz, skin_weights
from models.geometry.mesh import Mesh, vertex_normals
from models.methods.magicpony.reconstructor import AnimalReconstructor, picked
from models.methods.magicpony.state import Prediction
from models.rendering.texture import bake, unwrap

WALK_SECONDS = 1.2
WALK_FRAMES = 25
ENDS = {4: ("left_fore", "left_hind", "right_hind", "right_fore"), 2: ("left", "right"), 0: ()}


@dataclass(frozen=True)
class Asset:
    """One animal in its bind pose; field for field what `storage.formats.meshes.Asset` writes."""

    name: str
    vertices: ndarray
    normals: ndarray
    faces: ndarray
    uv: ndarray
    texture: ndarray
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    T_world_bone: ndarray
    weights: ndarray
    pose: ndarray
    clips: dict[str, tuple[ndarray, ndarray]]


@torch.no_grad()
def asset(reconstructor: AnimalReconstructor, prediction: Prediction, row: int, name: str, texture: int = 512) -> Asset:
    """One animal of a batch, cut along the seams of its texture of `texture` x `texture` texels."""
    animal, one = reconstructor.animal, picked(prediction, row)
    rig, skeleton = animal.rig(one), animal.skeleton
    rest = Mesh(one.rest.vertices, one.rest.faces)
    atlas = unwrap(rest.vertices[0].cpu().numpy(), rest.faces.cpu().numpy(), texture)

    def albedo(points: torch.Tensor) -> torch.Tensor:
        image = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        return animal.albedo(points, one.texture_code, image)

    angles = torch.zeros(1, skeleton.bones, 3) if one.angles is None else one.angles.cpu()
    seconds = np.linspace(0, WALK_SECONDS, WALK_FRAMES)
    return Asset(
        name=name,
        vertices=rest.vertices[0].cpu().numpy()[atlas.source],
        normals=_unit(vertex_normals(rest)[0].cpu().numpy())[atlas.source],
        faces=atlas.faces,
        uv=atlas.uv,
        texture=bake(atlas, one.prior, albedo, reconstructor.renderer, texture),
        bones=bone_names(skeleton),
        parents=rig.parents,
        T_world_bone=bone_frames(rig.ends)[0].cpu().double().numpy(),
        weights=skin_weights(rest.vertices, rig.ends)[0].cpu().numpy()[atlas.source],
        pose=_quaternions(angles)[0],
        clips={"walk": (seconds, _quaternions(walk(skeleton, WALK_FRAMES)))},
    )


def bone_names(skeleton: Skeleton) -> tuple[str, ...]:
    """Names in the order of `models.geometry.skeleton`; left is +x."""
    half = skeleton.body_bones // 2
    spine = [f"{end}_spine_{bone}" for end in ("front", "rear") for bone in range(half, 0, -1)]
    legs = [f"{leg}_{piece}" for leg in ENDS[skeleton.legs] for piece in ("foot", "shin", "thigh")]
    return (*spine, *legs)


def _quaternions(angles: torch.Tensor) -> ndarray:
    """(frames, bones, 4) as x, y, z, w."""
    turns = euler_xyz(angles.double()).numpy()
    return Rotation.from_matrix(turns.reshape(-1, 3, 3)).as_quat().reshape(*turns.shape[:2], 4)


def _unit(normals: ndarray) -> ndarray:
    """Unit length; a vertex without area looks up."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-3, normals / np.maximum(length, 1e-3), (0.0, 1.0, 0.0))
