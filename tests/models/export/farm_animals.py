"""Animals of the barnyard with the skeleton that is handed out, and as files."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from models.export.rigging import Clip, Rigging, rig, stand
from models.geometry.mesh import Mesh, vertex_normals
from models.truth.barnyard.anatomy import body
from storage.formats.glb import glb
from tests.storage.gltf_player import Player

HEIGHTS = {"cow": 1.4, "horse": 1.6, "sheep": 0.7, "dog": 0.6}


@cache
def rigged(category: str, legs: int = 4) -> Rigging:
    animal = body(category, 3)
    return rig(animal.vertices, animal.faces, legs, HEIGHTS[category])


@dataclass(frozen=True)
class Painted:
    """An `Asset` in one colour."""

    name: str
    vertices: np.ndarray
    posed: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    coverage: None
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    T_world_bone: np.ndarray
    weights: np.ndarray
    clips: dict[str, Clip]
    origin: dict[str, str] = field(default_factory=dict)
    sliders: dict[str, np.ndarray] = field(default_factory=dict)


@cache
def played(category: str) -> Player:
    """The file of an animal, read by somebody else."""
    import torch

    made, faces = rigged(category), body(category, 3).faces
    vertices, armature = made.landmarks.vertices, made.armature
    posed = stand(body(category, 3).vertices, made.landmarks)
    normals = vertex_normals(Mesh(torch.from_numpy(vertices)[None], torch.from_numpy(faces.astype(np.int64))))[0]
    uv, texture = np.zeros((len(vertices), 2)), np.full((4, 4, 3), 200, np.uint8)
    painted = Painted(
        category,
        vertices,
        posed,
        normals.numpy(),
        faces,
        uv,
        texture,
        None,
        armature.names,
        armature.parents,
        armature.frames,
        made.weights,
        made.clips(posed),
    )
    return Player(glb(painted))
