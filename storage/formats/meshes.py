"""Rigged, textured meshes as files: what an artist opens. GLB lives in `storage/formats/glb.py`."""

from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any, cast

import numpy as np

from storage.formats.pictures import png
from storage.formats.rotations import Array, matrices


@dataclass(frozen=True)
class Asset:
    """One animal in its bind pose, with the pose of its photo and named clips. y up, head at +z, counter-clockwise."""

    name: str
    vertices: Array
    """(vertices, 3), bind pose."""
    normals: Array
    """(vertices, 3), unit."""
    faces: Array
    """(faces, 3)."""
    uv: Array
    """(vertices, 2) in [0, 1]; (0, 0) is the top left corner of the texture, as in glTF."""
    texture: Array
    """(height, width, 3) uint8 base colour."""
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each bone's parent; -1 for a root."""
    T_world_bone: Array
    """(bones, 4, 4) bind frames: rotation and translation only."""
    weights: Array
    """(vertices, bones), rows sum to 1."""
    pose: Array
    """(bones, 4) rotations in the bones' own frames as quaternions (x, y, z, w): the pose of the photo."""
    clips: dict[str, tuple[Array, Array]]
    """Name: (seconds (frames,), rotations (frames, bones, 4) like `pose`)."""


def skinned(asset: Asset, rotations: Array) -> Array:
    """Vertices posed by rotations in the bones' own frames: linear blend skinning by glTF 2.0, section 3.7.3."""
    world: list[Array] = [np.eye(4)] * len(asset.bones)
    for bone in root_first(asset.parents):
        turn = np.eye(4)
        turn[:3, :3] = matrices(rotations[bone])
        world[bone] = above(world, asset.parents[bone]) @ local_frame(asset, bone) @ turn
    moved = np.stack(world) @ np.linalg.inv(asset.T_world_bone)
    homogeneous = np.c_[asset.vertices, np.ones(len(asset.vertices))]
    return np.einsum("vb,bij,vj->vi", asset.weights, moved, homogeneous)[:, :3]


def above(world: list[Array], parent: int) -> Array:
    """The parent's frame; the world for a root."""
    return world[parent] if parent >= 0 else np.eye(4)


def local_frame(asset: Asset, bone: int) -> Array:
    """The bind frame of a bone in its parent's."""
    parent = asset.parents[bone]
    if parent < 0:
        return asset.T_world_bone[bone]
    T_world_parent: Array = asset.T_world_bone[parent]
    return np.linalg.inv(T_world_parent) @ asset.T_world_bone[bone]


def root_first(parents: tuple[int, ...]) -> list[int]:
    """All bones, each after its parent."""
    order: list[int] = []
    while len(order) < len(parents):
        ready = [bone for bone, parent in enumerate(parents) if bone not in order and (parent < 0 or parent in order)]
        if not ready:
            raise ValueError(f"bone parents {parents} have a loop; every chain must end at -1")
        order += ready
    return order


def obj(asset: Asset) -> dict[str, bytes]:
    """`name.obj`, `name.mtl` and `name.png`: the animal in the pose of its photo, without the rig."""
    text = StringIO()
    text.write(f"# farm3d, y up\nmtllib {asset.name}.mtl\no {asset.name}\n")
    np.savetxt(text, skinned(asset, asset.pose), "v %.6f %.6f %.6f")
    np.savetxt(text, np.c_[asset.uv[:, 0], 1 - asset.uv[:, 1]], "vt %.6f %.6f")
    text.write("usemtl coat\n")
    np.savetxt(text, np.repeat(asset.faces + 1, 2, axis=1), "f %d/%d %d/%d %d/%d")
    material = f"newmtl coat\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {asset.name}.png\n"
    return {
        f"{asset.name}.obj": text.getvalue().encode(),
        f"{asset.name}.mtl": material.encode(),
        f"{asset.name}.png": png(asset.texture),
    }


def plain_obj(vertices: Array, faces: Array) -> bytes:
    """Vertices and triangles alone, in their order."""
    text = StringIO()
    text.write("# farm3d, y up\n")
    np.savetxt(text, vertices, "v %.6f %.6f %.6f")
    np.savetxt(text, faces + 1, "f %d %d %d")
    return text.getvalue().encode()


def plain_glb(vertices: Array, faces: Array) -> bytes:
    """Vertices and triangles alone as binary glTF."""
    import trimesh

    mesh = trimesh.Trimesh(vertices, faces, process=False)
    return bytes(cast(Any, mesh).export(file_type="glb"))


def read_mesh(data: bytes, kind: str) -> tuple[Array, Array]:
    """Vertices and triangles of a foreign `obj`, `glb`, `ply` or `stl`; several parts become one."""
    import trimesh

    try:
        loaded: Any = cast(Any, trimesh).load(BytesIO(data), file_type=kind, force="mesh", process=False)
        vertices, faces = np.asarray(loaded.vertices, float), np.asarray(loaded.faces, int)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise ValueError(f"a {len(data)}-byte {kind} file is no readable mesh ({error}); export it again") from error
    if not len(faces) or not np.isfinite(vertices).all():
        raise ValueError(f"a {kind} file has {len(faces)} triangles or non-finite vertices; give a closed surface")
    return vertices, faces
