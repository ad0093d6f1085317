"""A small rigged animal for the tests of files, and skinning by the letter of glTF 2.0."""

from dataclasses import dataclass, field

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Clip:
    """A `meshes.Clip`."""

    seconds: np.ndarray
    rotations: np.ndarray
    shifts: np.ndarray
    speed: float = 0.5


@dataclass(frozen=True)
class Tube:
    """An `Asset`."""

    name: str
    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    coverage: np.ndarray | None
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    T_world_bone: np.ndarray
    weights: np.ndarray
    clips: dict[str, Clip]
    origin: dict[str, str] = field(default_factory=dict)
    sliders: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def posed(self) -> np.ndarray:
        clip = self.clips["walk"]
        return skinned(self, clip.rotations[0], clip.shifts[0])


def skinned(asset, rotations: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Vertices posed by rotations in the bones' own frames: linear blend skinning by glTF 2.0, section 3.7.3.

    Each bone's head is shifted in its parent's frame.
    """
    bind, world = asset.T_world_bone, {-1: np.eye(4)}
    while len(world) <= len(asset.parents):
        for bone, parent in enumerate(asset.parents):
            if parent in world and bone not in world:
                turn = np.eye(4)
                turn[:3, :3] = Rotation.from_quat(rotations[bone]).as_matrix()
                local = bind[bone].copy() if parent < 0 else np.linalg.inv(bind[parent]) @ bind[bone]
                local[:3, 3] += shifts[bone]
                world[bone] = world[parent] @ local @ turn
    moved = np.stack([world[bone] for bone in range(len(asset.parents))]) @ np.linalg.inv(bind)
    homogeneous = np.c_[asset.vertices, np.ones(len(asset.vertices))]
    return np.einsum("vb,bij,vj->vi", asset.weights, moved, homogeneous)[:, :3]


def frame(origin: tuple[float, float, float], euler_deg: tuple[float, float, float]) -> np.ndarray:
    T_world_bone = np.eye(4)
    T_world_bone[:3, :3] = Rotation.from_euler("XYZ", euler_deg, degrees=True).as_matrix()
    T_world_bone[:3, 3] = origin
    return T_world_bone


def tube() -> Tube:
    """A tube along z on a chain of three bones, and one loose leg."""
    body = trimesh.creation.capsule(height=2.0, radius=0.4, count=(12, 12))
    vertices = np.asarray(body.vertices) - (0, 0, 1)
    frames = np.stack([frame((0, 0, z), (10 * z, 5, 0)) for z in (-1, 0, 1)] + [frame((0.2, -0.3, 0), (90, 0, 0))])
    nearness = -((vertices[:, None, :] - frames[None, :, :3, 3]) ** 2).sum(-1) / 0.1
    weights = np.exp(nearness - nearness.max(1, keepdims=True))
    swing = Rotation.from_euler("XYZ", np.random.default_rng(0).uniform(-40, 40, (20, 3)), degrees=True)
    turns = swing.as_quat().reshape(5, 4, 4)
    shifts = np.zeros((5, 4, 3))
    shifts[:, 1] = np.random.default_rng(1).uniform(-0.2, 0.2, (5, 3))
    column = np.linspace(0, 255, 16).astype(np.uint8)
    return Tube(
        name="tube",
        vertices=vertices,
        normals=np.asarray(body.vertex_normals),
        faces=np.asarray(body.faces),
        uv=(vertices[:, [0, 2]] - vertices[:, [0, 2]].min(0)) / np.ptp(vertices[:, [0, 2]], axis=0),
        texture=np.stack(np.broadcast_arrays(column[:, None], column[None], np.uint8(80)), -1),
        coverage=None,
        bones=("rear", "middle", "front", "leg"),
        parents=(1, -1, 1, -1),
        T_world_bone=frames,
        weights=weights / weights.sum(1, keepdims=True),
        clips={"walk": Clip(np.linspace(0, 1, 5), turns, shifts)},
    )
