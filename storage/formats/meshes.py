"""Rigged, textured meshes as files: what an artist opens. GLB lives in `storage/formats/glb.py`."""

from collections.abc import Mapping
from io import BytesIO, StringIO
from typing import Any, Protocol, cast

import numpy as np
from jaxtyping import Float, Int, UInt8

from storage.formats.pictures import png

OBJ_HEAD = "# farm3d, y up\n"
"""First line of every OBJ file written here."""


class Clip(Protocol):
    """One animation."""

    @property
    def seconds(self) -> Float[np.ndarray, " frames"]:
        """When each frame is."""
        ...

    @property
    def rotations(self) -> Float[np.ndarray, "frames bones 4"]:
        """In the bones' own bind frames as quaternions (x, y, z, w)."""
        ...

    @property
    def shifts(self) -> Float[np.ndarray, "frames bones 3"]:
        """How far each bone's head is from its place on its parent, in the parent's frame."""
        ...

    @property
    def speed(self) -> float:
        """How fast the ground passes below, in m/s; 0 where the animal stands."""
        ...


class Asset(Protocol):
    """One animal in its bind pose with named clips, in metres. y up, ground at 0, head at +z, counter-clockwise."""

    @property
    def name(self) -> str:
        """Of its files and its mesh."""
        ...

    @property
    def vertices(self) -> Float[np.ndarray, "vertices 3"]:
        """In the bind pose."""
        ...

    @property
    def posed(self) -> Float[np.ndarray, "vertices 3"]:
        """In the pose of the photo."""
        ...

    @property
    def normals(self) -> Float[np.ndarray, "vertices 3"]:
        """Unit normals in the bind pose."""
        ...

    @property
    def faces(self) -> Int[np.ndarray, "faces 3"]:
        """Counter-clockwise, seen from outside."""
        ...

    @property
    def uv(self) -> Float[np.ndarray, "vertices 2"]:
        """In [0, 1]; (0, 0) is the top left corner of the texture, as in glTF."""
        ...

    @property
    def texture(self) -> UInt8[np.ndarray, "height width 3"]:
        """Base colour."""
        ...

    @property
    def coverage(self) -> UInt8[np.ndarray, "height width"] | None:
        """255 where the colour is the photo's, 128 where its mirror image's, 0 where it is predicted; None: all is."""
        ...

    @property
    def bones(self) -> tuple[str, ...]:
        """One name for each bone."""
        ...

    @property
    def parents(self) -> tuple[int, ...]:
        """Index of each bone's parent; -1 for a root."""
        ...

    @property
    def T_world_bone(self) -> Float[np.ndarray, "bones 4 4"]:
        """Bind frames: rotation and translation only."""
        ...

    @property
    def weights(self) -> Float[np.ndarray, "vertices bones"]:
        """How much each bone carries each vertex; rows sum to 1."""
        ...

    @property
    def clips(self) -> Mapping[str, Clip]:
        """Each animation by its name."""
        ...


def obj(asset: Asset) -> dict[str, bytes]:
    """`name.obj`, `name.mtl` and `name.png`: the animal in the pose of its photo, without the rig.

    `name_coverage.png` says where the colours come from, if they come from a photo.
    """
    text = StringIO()
    text.write(f"{OBJ_HEAD}mtllib {asset.name}.mtl\no {asset.name}\n")
    np.savetxt(text, asset.posed, "v %.6f %.6f %.6f")
    np.savetxt(text, np.c_[asset.uv[:, 0], 1 - asset.uv[:, 1]], "vt %.6f %.6f")
    text.write("usemtl coat\n")
    np.savetxt(text, np.repeat(asset.faces + 1, 2, axis=1), "f %d/%d %d/%d %d/%d")
    material = f"newmtl coat\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {asset.name}.png\n"
    return {
        f"{asset.name}.obj": text.getvalue().encode(),
        f"{asset.name}.mtl": material.encode(),
        f"{asset.name}.png": png(asset.texture),
        **({} if asset.coverage is None else {f"{asset.name}_coverage.png": png(asset.coverage)}),
    }


def plain_obj(vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> bytes:
    """Vertices and triangles alone, in their order."""
    text = StringIO()
    text.write(OBJ_HEAD)
    np.savetxt(text, vertices, "v %.6f %.6f %.6f")
    np.savetxt(text, faces + 1, "f %d %d %d")
    return text.getvalue().encode()


def plain_glb(vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> bytes:
    """Vertices and triangles alone as binary glTF."""
    import trimesh

    mesh = trimesh.Trimesh(vertices, faces, process=False)
    return bytes(cast(Any, mesh).export(file_type="glb"))


def read_mesh(data: bytes, kind: str) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "faces 3"]]:
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
