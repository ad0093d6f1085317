"""Animals as files without a rig, OBJ and PLY, and what every writer of files is given.

Rigged ones lie beside: `glb.py`, `usdz.py`, `fbx.py`.
"""

import re
from collections.abc import Mapping
from io import BytesIO, StringIO
from typing import Any, Protocol, cast

import numpy as np
from jaxtyping import Float, Int, Num, UInt8

from storage.formats.pictures import png

OBJ_HEAD = "# farm3d, y up\n"
"""First line of every OBJ file written here."""
PLY_HEAD = ("ply", "format binary_little_endian 1.0", "comment farm3d, metres, y up")
"""First lines of every PLY file written here."""


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
    def sliders(self) -> Mapping[str, Float[np.ndarray, "vertices 3"]]:
        """By its name, how far each vertex goes in the bind pose when a slider goes from 0 to 1."""
        ...

    @property
    def origin(self) -> Mapping[str, str]:
        """What a file says of where it comes from: licence, prompt, lineage, digests of the model."""
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

    `name_coverage.png` says where the colours come from, if they come from a photo. Names that other files hold have
    `_` for whatever ends a name there.
    """
    name = re.sub(r"[\s#]", "_", asset.name)
    words = "".join(f"# {line}\n" for line in _origin_lines(asset))
    text = StringIO()
    text.write(f"{OBJ_HEAD}{words}mtllib {name}.mtl\no {name}\n")
    text.write(_rows("v %.6f %.6f %.6f\n", asset.posed))
    text.write(_rows("vt %.6f %.6f\n", np.c_[asset.uv[:, 0], 1 - asset.uv[:, 1]]))
    text.write(_rows("vn %.4f %.4f %.4f\n", _smooth_normals(asset.posed, asset.faces)))
    text.write("usemtl coat\ns 1\n")
    text.write(_rows("f %d/%d/%d %d/%d/%d %d/%d/%d\n", np.repeat(asset.faces + 1, 3, axis=1)))
    material = f"{words}newmtl coat\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {name}.png\n"
    return {
        f"{asset.name}.obj": text.getvalue().encode(),
        f"{name}.mtl": material.encode(),
        f"{name}.png": png(asset.texture),
        **({} if asset.coverage is None else {f"{name}_coverage.png": png(asset.coverage)}),
    }


def ply(asset: Asset) -> bytes:
    """The animal in the pose of its photo as one closed surface with a colour at each vertex, little-endian."""
    vertices, faces, numbers = _welded(asset.posed, asset.faces)
    height, width = asset.texture.shape[:2]
    column, row = (np.clip(asset.uv, 0, 1) * (width - 1, height - 1)).round().astype(int).T
    counts = np.bincount(numbers)
    channels = [np.bincount(numbers, asset.texture[row, column, channel]) / counts for channel in range(3)]
    points = np.zeros(len(vertices), [("place", "<f4", 3), ("colour", "u1", 3)])
    points["place"], points["colour"] = vertices, np.stack(channels, 1).round()
    triangles = np.zeros(len(faces), [("corners", "u1"), ("numbers", "<i4", 3)])
    triangles["corners"], triangles["numbers"] = 3, faces
    header = [
        *PLY_HEAD,
        *(f"comment {line}" for line in _origin_lines(asset)),
        f"element vertex {len(points)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        f"element face {len(triangles)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode("ascii", "backslashreplace") + points.tobytes() + triangles.tobytes()


def _origin_lines(asset: Asset) -> list[str]:
    """What the asset says of its origin, a line each."""
    return [" ".join(f"{name}: {text}".split()) for name, text in asset.origin.items()]


def _welded(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> tuple[Float[np.ndarray, "places 3"], Int[np.ndarray, "faces 3"], Int[np.ndarray, " vertices"]]:
    """The surface without the seams of its texture: every place once, faces of these, and the place of each vertex."""
    places, numbers = np.unique(vertices, axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    return places, numbers[faces], numbers


def _smooth_normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Unit normals, weighted by the areas of the faces around each place."""
    places, corners, numbers = _welded(vertices, faces)
    a, b, c = places[corners].swapaxes(0, 1)
    areas = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    sums = np.stack([np.bincount(corners.reshape(-1), axis, len(places)) for axis in areas.T], 1)
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))[numbers]


def plain_obj(vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]) -> bytes:
    """Vertices and triangles alone, in their order."""
    return (OBJ_HEAD + _rows("v %.6f %.6f %.6f\n", vertices) + _rows("f %d %d %d\n", faces + 1)).encode()


def _rows(line: str, values: Num[np.ndarray, "rows columns"]) -> str:
    """A line of text for each row, all at once: `numpy.savetxt`, row by row, takes five times as long."""
    return line * len(values) % tuple(values.reshape(-1).tolist())


def plain_glb(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    colours: UInt8[np.ndarray, "vertices 3"] | None = None,
    origin: Mapping[str, str] | None = None,
) -> bytes:
    """Vertices, with colours of their own if there are any, and triangles alone as binary glTF.

    `asset.extras` has the origin.
    """
    import trimesh

    def sign(tree: dict[str, Any]) -> None:
        tree["asset"] = {"version": "2.0", "generator": "farm3d"} | ({"extras": dict(origin)} if origin else {})

    mesh = trimesh.Trimesh(vertices, faces, vertex_colors=colours, process=False)
    return bytes(cast(Any, mesh).export(file_type="glb", tree_postprocessor=sign))


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
