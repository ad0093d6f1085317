"""A small rigged animal for the tests of files."""

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from storage.formats.meshes import Asset


def frame(origin: tuple[float, float, float], euler_deg: tuple[float, float, float]) -> np.ndarray:
    T_world_bone = np.eye(4)
    T_world_bone[:3, :3] = Rotation.from_euler("XYZ", euler_deg, degrees=True).as_matrix()
    T_world_bone[:3, 3] = origin
    return T_world_bone


def tube() -> Asset:
    """A tube along z on a chain of three bones, and one loose leg."""
    body = trimesh.creation.capsule(height=2.0, radius=0.4, count=(12, 12))
    vertices = np.asarray(body.vertices) - (0, 0, 1)
    frames = np.stack([frame((0, 0, z), (10 * z, 5, 0)) for z in (-1, 0, 1)] + [frame((0.2, -0.3, 0), (90, 0, 0))])
    nearness = -((vertices[:, None, :] - frames[None, :, :3, 3]) ** 2).sum(-1) / 0.1
    weights = np.exp(nearness - nearness.max(1, keepdims=True))
    swing = Rotation.from_euler("XYZ", np.random.default_rng(0).uniform(-40, 40, (20, 3)), degrees=True)
    turns = swing.as_quat().reshape(5, 4, 4)
    column = np.linspace(0, 255, 16).astype(np.uint8)
    return Asset(
        name="tube",
        vertices=vertices,
        normals=np.asarray(body.vertex_normals),
        faces=np.asarray(body.faces),
        uv=(vertices[:, [0, 2]] - vertices[:, [0, 2]].min(0)) / np.ptp(vertices[:, [0, 2]], axis=0),
        texture=np.stack(np.broadcast_arrays(column[:, None], column[None], np.uint8(80)), -1),
        bones=("rear", "middle", "front", "leg"),
        parents=(1, -1, 1, -1),
        T_world_bone=frames,
        weights=weights / weights.sum(1, keepdims=True),
        pose=turns[0],
        clips={"walk": (np.linspace(0, 1, 5), turns)},
    )
