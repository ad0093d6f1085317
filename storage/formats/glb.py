"""A rigged, animated, textured animal as one glTF 2.0 binary (Khronos specification 2.0.1)."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from storage.formats.joints import local_frame, quaternions, rotation_keys, strongest, translation_keys
from storage.formats.meshes import Asset
from storage.formats.pictures import png
from storage.formats.quantisation import (
    EXTENSION,
    fit_grid,
    quantise_normals,
    quantise_positions,
    quantise_shares,
    quantise_weights,
)

Json = dict[str, Any]

FLOAT, SIGNED_BYTE, BYTE, SHORT, INTEGER = 5126, 5120, 5121, 5123, 5125
TYPES = {FLOAT: "<f4", SIGNED_BYTE: "i1", BYTE: "u1", SHORT: "<u2", INTEGER: "<u4"}
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

    def view(self, content: bytes, target: int | None = None, stride: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        placed: Json = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        placed |= {"target": target} if target else {}
        self.views.append(placed | ({"byteStride": stride} if stride else {}))
        self.data += content
        return len(self.views) - 1

    def accessor(
        self,
        values: Num[np.ndarray, "count ..."],
        component: int,
        target: int | None = None,
        *,
        bounds: bool = False,
        normalized: bool = False,
    ) -> int:
        packed = np.ascontiguousarray(values, dtype=TYPES[component])
        key = (packed.tobytes(), component, packed.shape)
        if target is None and key in self.known:
            return self.known[key]
        # A vertex begins at a whole word.
        spare = int(-packed[0].nbytes % 4 // packed.itemsize) if target == VERTICES else 0
        padded = np.hstack((packed, np.zeros((len(packed), spare), packed.dtype))) if spare else packed
        stride = padded[0].nbytes if spare else None
        entry: Json = {
            "bufferView": self.view(padded.tobytes(), target, stride),
            "componentType": component,
            "count": len(packed),
            "type": KINDS[packed.shape[1:]],
        } | ({"normalized": True} if normalized else {})
        if bounds:
            entry |= {side: np.atleast_1d(getattr(packed, side)(0)).tolist() for side in ("min", "max")}
        self.accessors.append(entry)
        self.known[key] = len(self.accessors) - 1
        return len(self.accessors) - 1


def glb(asset: Asset, quantise: bool = False) -> bytes:
    """The whole file. The bones stand in their bind pose; each clip is an animation; `asset.extras` has the origin.

    Nodes: 0 the skin, 1 the armature, 2.. the bones. A vertex keeps its four strongest bones. A coat with a coverage
    map has it as a second texture, which `extras.coverage` of the material names. `quantise` writes attributes in 8 and
    16 bits; the way back to metres is part of the inverse bind matrices.
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
        "meshes": [_mesh(asset, buffer, quantise)],
        "skins": [_skin(asset, buffer, quantise)],
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
    if asset.coverage is not None:
        document["materials"][0]["extras"] = {"coverage": {"index": 1}}
        document["textures"].append({"source": 1, "sampler": 0})
        image = {"name": "coverage", "mimeType": "image/png", "bufferView": buffer.view(png(asset.coverage))}
        document["images"].append(image)
    if quantise:
        document |= {"extensionsUsed": [EXTENSION], "extensionsRequired": [EXTENSION]}
    if asset.clips:
        document["animations"] = [_animation(asset, buffer, name) for name in asset.clips]
    document |= {"accessors": buffer.accessors, "bufferViews": buffer.views}
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    return _packed(document, bytes(buffer.data))


def read_origin(data: bytes) -> Mapping[str, str]:
    """What a binary glTF says of where it comes from, in the words of whoever wrote it; empty for any other file."""
    try:
        magic, _, _, size, kind = struct.unpack_from("<4sIII4s", data)
        extras = json.loads(data[20 : 20 + size])["asset"]["extras"] if (magic, kind) == (b"glTF", b"JSON") else {}
    except (struct.error, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: text for name, text in extras.items() if isinstance(text, str)} if isinstance(extras, dict) else {}


def _mesh(asset: Asset, buffer: _Buffer, quantise: bool) -> Json:
    """The surface; sliders are morph targets at rest, whose names Blender, three.js and engines read in the extras."""
    mesh: Json = {"name": asset.name, "primitives": [_primitive(asset, buffer, quantise)]}
    if not asset.sliders:
        return mesh
    step = fit_grid(asset.vertices)[0, 0] if quantise else 1.0
    mesh["primitives"][0]["targets"] = [
        {"POSITION": buffer.accessor(shift / step, FLOAT, VERTICES, bounds=True)} for shift in asset.sliders.values()
    ]
    return mesh | {"weights": [0.0] * len(asset.sliders), "extras": {"targetNames": [*asset.sliders]}}


def _primitive(asset: Asset, buffer: _Buffer, quantise: bool) -> Json:
    bones, weights = strongest(asset.weights)
    if quantise:
        positions = quantise_positions(asset.vertices, fit_grid(asset.vertices))
        shares = quantise_weights(weights)
        attributes = {
            "JOINTS_0": buffer.accessor(np.where(shares > 0, bones, 0), BYTE, VERTICES),
            "POSITION": buffer.accessor(positions, SHORT, VERTICES, bounds=True),
            "NORMAL": buffer.accessor(quantise_normals(asset.normals), SIGNED_BYTE, VERTICES, normalized=True),
            "TEXCOORD_0": buffer.accessor(quantise_shares(asset.uv), SHORT, VERTICES, normalized=True),
            "WEIGHTS_0": buffer.accessor(shares, BYTE, VERTICES, normalized=True),
        }
    else:
        attributes = {
            "POSITION": buffer.accessor(asset.vertices, FLOAT, VERTICES, bounds=True),
            "NORMAL": buffer.accessor(asset.normals, FLOAT, VERTICES),
            "TEXCOORD_0": buffer.accessor(asset.uv, FLOAT, VERTICES),
            "JOINTS_0": buffer.accessor(bones, BYTE, VERTICES),
            "WEIGHTS_0": buffer.accessor(weights, FLOAT, VERTICES),
        }
    return {
        "attributes": attributes,
        "indices": buffer.accessor(asset.faces.reshape(-1), _index_kind(len(asset.vertices)), INDICES),
        "material": 0,
    }


def _index_kind(vertices: int) -> int:
    """Two bytes where they can name every vertex; their largest number is no vertex (glTF 2.0, section 3.7.2.1)."""
    return SHORT if vertices <= 65535 else INTEGER


def _skin(asset: Asset, buffer: _Buffer, quantise: bool) -> Json:
    T_bone_mesh = np.linalg.inv(asset.T_world_bone) @ (fit_grid(asset.vertices) if quantise else np.eye(4))
    inverse_bind = T_bone_mesh.swapaxes(1, 2)  # glTF stores columns
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
