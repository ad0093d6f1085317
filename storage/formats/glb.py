"""Writes a rigged, animated, textured animal as one glTF 2.0 binary (Khronos specification 2.0.1)."""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from storage.formats.joints import local_frame, quaternions, rotation_keys, strongest, translation_keys
from storage.formats.meshes import Asset
from storage.formats.pictures import png

Json = dict[str, Any]

FLOAT, BYTE, SHORT, INTEGER = 5126, 5121, 5123, 5125
VERTICES, INDICES = 34962, 34963
LINEAR, MIPMAPPED, CLAMP = 9729, 9987, 33071
KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}


@dataclass
class _Buffer:
    """The one binary chunk, and the tables that point into it; what comes twice is written once."""

    data: bytearray = field(default_factory=bytearray)
    views: list[Json] = field(default_factory=list[Json])
    accessors: list[Json] = field(default_factory=list[Json])
    known: dict[tuple[bytes, int, tuple[int, ...]], int] = field(default_factory=dict[Any, int])

    def view(self, content: bytes, target: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        placed: Json = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        self.views.append(placed | ({"target": target} if target else {}))
        self.data += content
        return len(self.views) - 1

    def accessor(
        self, values: Num[np.ndarray, "count ..."], component: int, target: int | None = None, *, bounds: bool = False
    ) -> int:
        kind = {FLOAT: "<f4", BYTE: "u1", SHORT: "<u2", INTEGER: "<u4"}[component]
        packed = np.ascontiguousarray(values, dtype=kind)
        key = (packed.tobytes(), component, packed.shape)
        if target is None and key in self.known:
            return self.known[key]
        entry: Json = {
            "bufferView": self.view(packed.tobytes(), target),
            "componentType": component,
            "count": len(packed),
            "type": KINDS[packed.shape[1:]],
        }
        if bounds:
            entry |= {side: np.atleast_1d(getattr(packed, side)(0)).tolist() for side in ("min", "max")}
        self.accessors.append(entry)
        self.known[key] = len(self.accessors) - 1
        return len(self.accessors) - 1


def glb(asset: Asset) -> bytes:
    """The whole file. The bones stand in their bind pose; each clip is an animation; `asset.extras` has the origin.

    Nodes: 0 the skin, 1 the armature, 2.. the bones. A vertex keeps its four strongest bones.
    """
    buffer = _Buffer()
    bones = range(len(asset.bones))
    document: Json = {
        "asset": {"version": "2.0", "generator": "farm3d"} | ({"extras": dict(asset.origin)} if asset.origin else {}),
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [
            {"name": asset.name, "mesh": 0, "skin": 0},
            {"name": "armature", "children": [2 + bone for bone in bones if asset.parents[bone] < 0]},
            *(_bone_node(asset, bone) for bone in bones),
        ],
        "meshes": [_mesh(asset, buffer)],
        "skins": [_skin(asset, buffer)],
        "materials": [
            {
                "name": "coat",
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": 0},
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.9,
                },
            }
        ],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": LINEAR, "minFilter": MIPMAPPED, "wrapS": CLAMP, "wrapT": CLAMP}],
        "images": [{"name": "coat", "mimeType": "image/png", "bufferView": buffer.view(png(asset.texture))}],
    }
    if asset.clips:
        document["animations"] = [_animation(asset, buffer, name) for name in asset.clips]
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    return _packed(document, bytes(buffer.data))


def _mesh(asset: Asset, buffer: _Buffer) -> Json:
    """The surface; sliders are morph targets at rest, whose names Blender, three.js and engines read in the extras."""
    mesh: Json = {"name": asset.name, "primitives": [_primitive(asset, buffer)]}
    if not asset.sliders:
        return mesh
    shifts = asset.sliders.values()
    mesh["primitives"][0]["targets"] = [
        {"POSITION": buffer.accessor(shift, FLOAT, VERTICES, bounds=True)} for shift in shifts
    ]
    return mesh | {"weights": [0.0] * len(asset.sliders), "extras": {"targetNames": [*asset.sliders]}}


def _primitive(asset: Asset, buffer: _Buffer) -> Json:
    bones, weights = strongest(asset.weights)
    return {
        "attributes": {
            "POSITION": buffer.accessor(asset.vertices, FLOAT, VERTICES, bounds=True),
            "NORMAL": buffer.accessor(asset.normals, FLOAT, VERTICES),
            "TEXCOORD_0": buffer.accessor(asset.uv, FLOAT, VERTICES),
            "JOINTS_0": buffer.accessor(bones, BYTE, VERTICES),
            "WEIGHTS_0": buffer.accessor(weights, FLOAT, VERTICES),
        },
        "indices": buffer.accessor(asset.faces.reshape(-1), _index_kind(len(asset.vertices)), INDICES),
        "material": 0,
    }


def _index_kind(vertices: int) -> int:
    """Two bytes where they can name every vertex; their largest number is no vertex (glTF 2.0, section 3.7.2.1)."""
    return SHORT if vertices <= 65535 else INTEGER


def _skin(asset: Asset, buffer: _Buffer) -> Json:
    inverse_bind = np.linalg.inv(asset.T_world_bone).swapaxes(1, 2)  # glTF stores columns
    inverse_bind[:, :, 3] = (0, 0, 0, 1)
    return {
        "skeleton": 2 + asset.parents.index(-1) if asset.parents.count(-1) == 1 else 1,
        "joints": [2 + bone for bone in range(len(asset.bones))],
        "inverseBindMatrices": buffer.accessor(inverse_bind, FLOAT),
    }


def _bone_node(asset: Asset, bone: int) -> Json:
    children = [2 + child for child, parent in enumerate(asset.parents) if parent == bone]
    return {
        "name": asset.bones[bone],
        "translation": local_frame(asset, bone)[:3, 3].tolist(),
        "rotation": quaternions(local_frame(asset, bone)[:3, :3]).tolist(),
    } | ({"children": children} if children else {})


def _animation(asset: Asset, buffer: _Buffer, name: str) -> Json:
    """The clip as rotations of all bones, and translations of those that any clip shifts."""
    clip, movers = asset.clips[name], np.any([np.any(each.shifts, (0, 2)) for each in asset.clips.values()], 0)
    times = {True: buffer.accessor(clip.seconds, FLOAT, bounds=True)}
    times[False] = buffer.accessor(clip.seconds[[0, -1]], FLOAT, bounds=True)
    samplers: list[Json] = []
    channels: list[Json] = []

    def add(bone: int, path: str, values: Float[np.ndarray, "frames width"]) -> None:
        """A channel; what stays as it is has two keys."""
        moves = bool(np.ptp(values, 0).max() > 1e-7)
        output = buffer.accessor(values if moves else values[[0, -1]], FLOAT)
        channels.append({"sampler": len(samplers), "target": {"node": 2 + bone, "path": path}})
        samplers.append({"input": times[moves], "output": output, "interpolation": "LINEAR"})

    for bone in range(len(asset.bones)):
        add(bone, "rotation", rotation_keys(asset, clip, bone))
        if movers[bone]:
            add(bone, "translation", translation_keys(asset, clip, bone))
    return {"name": name, "channels": channels, "samplers": samplers, "extras": {"metres_per_second": clip.speed}}


def _packed(document: Json, binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = b"".join(
        struct.pack("<I4s", len(content) + -len(content) % 4, kind) + content + pad * (-len(content) % 4)
        for content, kind, pad in ((text, b"JSON", b" "), (binary, b"BIN\0", b"\0"))
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
