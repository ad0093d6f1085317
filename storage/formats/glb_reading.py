"""Reads a GLB that farm3d wrote back into what every writer of files is given, so that it can be written otherwise."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from storage.formats.glb import KINDS, TYPES, read_origin
from storage.formats.joints import matrices, quaternions

GENERATOR = "farm3d"
WIDTHS = {kind: shape for shape, kind in KINDS.items()}
Reader = Callable[[int], np.ndarray]
"""Gives the array of an accessor."""


@dataclass(frozen=True)
class ReadClip:
    """One animation, as `storage.formats.meshes.Clip` has it."""

    seconds: Float[np.ndarray, " frames"]
    rotations: Float[np.ndarray, "frames bones 4"]
    shifts: Float[np.ndarray, "frames bones 3"]
    speed: float


@dataclass(frozen=True)
class ReadAsset:
    """One animal, as `storage.formats.meshes.Asset` has it, but for the pose of the photo, which no GLB holds."""

    name: str
    vertices: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    uv: Float[np.ndarray, "vertices 2"]
    texture: UInt8[np.ndarray, "height width 3"]
    coverage: UInt8[np.ndarray, "height width"] | None
    sliders: Mapping[str, Float[np.ndarray, "vertices 3"]]
    origin: Mapping[str, str]
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    T_world_bone: Float[np.ndarray, "bones 4 4"]
    weights: Float[np.ndarray, "vertices bones"]
    clips: Mapping[str, ReadClip]


def read_glb(data: bytes, where: str) -> ReadAsset:
    """The animal in a file that `storage.formats.glb.glb` wrote.

    Raises ValueError for any other file, and for one with quantised attributes.
    """
    try:
        document, binary = _parts(data)
        if document["asset"]["generator"] != GENERATOR or "skins" not in document:
            raise ValueError("it has no rig of farm3d")
        if "extensionsUsed" in document:
            raise ValueError("its attributes are quantised")
        return _read(document, binary, data)
    except (struct.error, ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        remedy = "give a .glb that `farm3d reconstruct`, `farm3d pose` or a release wrote without --quantise"
        raise ValueError(f"{where}: is no rigged animal of farm3d ({error}); {remedy}") from error


def _parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    magic, _, _, size, kind = struct.unpack_from("<4sIII4s", data)
    if (magic, kind) != (b"glTF", b"JSON"):
        raise ValueError("it is no binary glTF")
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def _read(document: dict[str, Any], binary: bytes, data: bytes) -> ReadAsset:
    def array(index: int) -> np.ndarray:
        entry = document["accessors"][index]
        view, shape = document["bufferViews"][entry["bufferView"]], WIDTHS[entry["type"]]
        content = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        return np.frombuffer(content, TYPES[entry["componentType"]]).reshape(entry["count"], *shape)

    def picture(texture: int) -> np.ndarray:
        view = document["bufferViews"][document["images"][document["textures"][texture]["source"]]["bufferView"]]
        with Image.open(BytesIO(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])) as image:
            return np.asarray(image)

    mesh, skin = document["meshes"][0], document["skins"][0]
    primitive, joints = mesh["primitives"][0], skin["joints"]
    attributes = {name: array(index) for name, index in primitive["attributes"].items()}
    above = {child: node for node in joints for child in document["nodes"][node].get("children", ())}
    parents = tuple(joints.index(above[node]) if node in above else -1 for node in joints)
    T_world_bone = np.linalg.inv(array(skin["inverseBindMatrices"]).swapaxes(1, 2).astype(float))
    weights = np.zeros((len(attributes["POSITION"]), len(joints)))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, attributes["JOINTS_0"].astype(int)), attributes["WEIGHTS_0"].astype(float))
    coverage = document["materials"][0].get("extras", {}).get("coverage")
    names = mesh.get("extras", {}).get("targetNames", ())
    return ReadAsset(
        name=str(mesh["name"]),
        vertices=attributes["POSITION"].astype(float),
        normals=attributes["NORMAL"].astype(float),
        faces=array(primitive["indices"]).reshape(-1, 3).astype(np.int64),
        uv=attributes["TEXCOORD_0"].astype(float),
        texture=picture(0),
        coverage=picture(coverage["index"]) if coverage else None,
        sliders={
            name: array(target["POSITION"]).astype(float)
            for name, target in zip(names, primitive.get("targets", ()), strict=True)
        },
        origin=read_origin(data),
        bones=tuple(document["nodes"][node]["name"] for node in joints),
        parents=parents,
        T_world_bone=T_world_bone,
        weights=weights,
        clips={
            clip["name"]: _read_clip(clip, joints, _local_frames(T_world_bone, parents), array)
            for clip in document.get("animations", ())
        },
    )


def _local_frames(T_world_bone: Float[np.ndarray, "bones 4 4"], parents: tuple[int, ...]) -> np.ndarray:
    """Bind frames of the bones in their parents'."""
    above = np.stack([T_world_bone[parent] if parent >= 0 else np.eye(4) for parent in parents])
    return np.linalg.inv(above) @ T_world_bone


def _read_clip(
    clip: dict[str, Any], joints: list[int], T_parent_bone: Float[np.ndarray, "bones 4 4"], array: Reader
) -> ReadClip:
    """Keys of all bones at all times; what has two keys where others have more stays as it is."""
    times = [array(sampler["input"]) for sampler in clip["samplers"]]
    seconds = max(times, key=len).astype(float)
    turns = np.tile(T_parent_bone[:, :3, :3], (len(seconds), 1, 1, 1))
    shifts = np.zeros((len(seconds), len(joints), 3))
    for channel in clip["channels"]:
        sampler, bone = clip["samplers"][channel["sampler"]], joints.index(channel["target"]["node"])
        keys = array(sampler["output"]).astype(float)
        values = keys if len(keys) == len(seconds) else keys[:1]
        if channel["target"]["path"] == "rotation":
            turns[:, bone] = matrices(values)
        else:
            shifts[:, bone] = values - T_parent_bone[bone, :3, 3]
    rotations = quaternions(T_parent_bone[:, :3, :3].swapaxes(1, 2) @ turns)
    return ReadClip(seconds, rotations, shifts, float(clip["extras"]["metres_per_second"]))
