"""Plays a rigged glTF 2.0 binary by the letter of the standard, and shares no line with what wrote it."""

import json
import struct
from functools import cached_property

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

DTYPES = {5126: "<f4", 5120: "i1", 5121: "u1", 5123: "<u2", 5125: "<u4"}
WIDTHS = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


class Player:
    """One file: its document, its arrays, and its surface at any moment of a clip."""

    def __init__(self, data: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        self.document = json.loads(data[20 : 20 + size])
        binary_size, binary_kind = struct.unpack_from("<I4s", data, 20 + size)
        assert (kind, binary_kind, size % 4, binary_size % 4) == (b"JSON", b"BIN\0", 0, 0)
        self.binary = data[28 + size :]

    def array(self, index: int) -> np.ndarray:
        entry = self.document["accessors"][index]
        view = self.document["bufferViews"][entry["bufferView"]]
        kind, shape = np.dtype(DTYPES[entry["componentType"]]), WIDTHS[entry["type"]]
        packed = kind.itemsize * int(np.prod(shape))
        offset = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        step = view.get("byteStride", packed)
        rows = [self.binary[offset + step * row :][:packed] for row in range(entry["count"])] if step > packed else []
        binary = b"".join(rows) or self.binary[offset : offset + packed * entry["count"]]
        values = np.frombuffer(binary, kind).reshape(entry["count"], *shape)
        return np.maximum(values / np.iinfo(kind).max, -1) if entry.get("normalized") else values

    @property
    def skin(self) -> dict:
        return self.document["skins"][0]

    @cached_property
    def names(self) -> list[str]:
        """Of the joints, in the skin's order."""
        return [self.document["nodes"][node]["name"] for node in self.skin["joints"]]

    @cached_property
    def parents(self) -> list[int]:
        """Slot of each joint's parent joint; -1 for a root."""
        slots = {node: slot for slot, node in enumerate(self.skin["joints"])}
        above = {child: at for at, node in enumerate(self.document["nodes"]) for child in node.get("children", [])}
        return [slots.get(above.get(node, -1), -1) for node in self.skin["joints"]]

    @cached_property
    def bind(self) -> np.ndarray:
        """World matrices of the joints for which the surface was made."""
        return np.linalg.inv(self.array(self.skin["inverseBindMatrices"]).swapaxes(1, 2).astype(float))

    def attribute(self, name: str) -> np.ndarray:
        return self.array(self.document["meshes"][0]["primitives"][0]["attributes"][name])

    @cached_property
    def faces(self) -> np.ndarray:
        return self.array(self.document["meshes"][0]["primitives"][0]["indices"]).reshape(-1, 3).astype(int)

    @cached_property
    def weights(self) -> np.ndarray:
        """(vertices, joints)."""
        joints, shares = self.attribute("JOINTS_0"), self.attribute("WEIGHTS_0").astype(float)
        full = np.zeros((len(joints), len(self.names)))
        np.add.at(full, (np.arange(len(joints))[:, None], joints), shares)
        return full

    @property
    def clips(self) -> dict[str, dict]:
        return {clip["name"]: clip for clip in self.document.get("animations", [])}

    def duration(self, clip: str) -> float:
        samplers = self.clips[clip]["samplers"]
        return float(max(self.array(sampler["input"])[-1] for sampler in samplers))

    def joints(self, clip: str | None, seconds: np.ndarray) -> np.ndarray:
        """World matrices (moments, joints, 4, 4); None is the file as it stands."""
        nodes, count = self.document["nodes"], len(seconds)
        local = np.tile(np.eye(4), (count, len(nodes), 1, 1))
        for index, node in enumerate(nodes):
            local[:, index, :3, :3] = Rotation.from_quat(node.get("rotation", (0, 0, 0, 1))).as_matrix()
            local[:, index, :3, 3] = node.get("translation", (0, 0, 0))
        for channel in self.clips[clip]["channels"] if clip else ():
            sampler, node = self.clips[clip]["samplers"][channel["sampler"]], channel["target"]["node"]
            times, values = self.array(sampler["input"]).astype(float), self.array(sampler["output"]).astype(float)
            assert sampler["interpolation"] == "LINEAR"
            within = np.clip(seconds, times[0], times[-1])
            if channel["target"]["path"] == "rotation":
                local[:, node, :3, :3] = Slerp(times, Rotation.from_quat(values))(within).as_matrix()
            else:
                local[:, node, :3, 3] = np.stack([np.interp(within, times, axis) for axis in values.T], 1)
        world: dict[int, np.ndarray] = {}

        def place(index: int, above: np.ndarray) -> None:
            world[index] = above @ local[:, index]
            for child in nodes[index].get("children", []):
                place(child, world[index])

        for root in self.document["scenes"][0]["nodes"]:
            place(root, np.tile(np.eye(4), (count, 1, 1)))
        return np.stack([world[node] for node in self.skin["joints"]], 1)

    def surface(self, clip: str | None, seconds: np.ndarray, only: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Vertices (moments, vertices, 3); of all, or of some."""
        motion = self.joints(clip, seconds) @ np.linalg.inv(self.bind)
        positions = self.attribute("POSITION")[only].astype(float)
        mixed = np.einsum("vb,mbij->mvij", self.weights[only], motion[..., :3, :], optimize=True)
        return np.einsum("mvij,vj->mvi", mixed[..., :3], positions) + mixed[..., 3]
