"""A GLB file says what the asset says: to trimesh, to Khronos' validator, to a reader by the letter of the standard."""

import json
import struct
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from storage.formats.glb import glb, matrices, quaternions, strongest
from storage.formats.meshes import read_mesh
from tests.storage.tube import Tube, skinned, tube

DTYPES = {5126: "<f4", 5121: "u1", 5123: "<u2", 5125: "<u4"}
WIDTHS = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}
VALIDATE = """
const bytes = new Uint8Array(require('fs').readFileSync(0));
require('gltf-validator').validateBytes(bytes).then(r => console.log(JSON.stringify(r.issues)));
"""


@pytest.fixture
def rigged() -> Tube:
    return tube()


def parsed(data: bytes) -> tuple[dict, list[np.ndarray]]:
    """The document and every accessor, by the letter of the specification."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    document = json.loads(data[20 : 20 + size])
    binary_size, binary_kind = struct.unpack_from("<I4s", data, 20 + size)
    assert (kind, binary_kind, size % 4, binary_size % 4) == (b"JSON", b"BIN\0", 0, 0)
    binary = data[28 + size :]
    arrays = []
    for entry in document["accessors"]:
        view = document["bufferViews"][entry["bufferView"]]
        shape = (entry["count"], *WIDTHS[entry["type"]])
        flat = np.frombuffer(binary, DTYPES[entry["componentType"]], int(np.prod(shape)), view["byteOffset"])
        arrays.append(flat.reshape(shape))
    return document, arrays


def posed_by_the_file(data: bytes, frame: int | None) -> np.ndarray:
    """Vertices in the pose of the nodes, or of one frame of the first clip."""
    document, arrays = parsed(data)
    nodes = [dict(node) for node in document["nodes"]]
    if frame is not None:
        clip = document["animations"][0]
        for channel in clip["channels"]:
            nodes[channel["target"]["node"]]["rotation"] = arrays[clip["samplers"][channel["sampler"]]["output"]][frame]
    world: dict[int, np.ndarray] = {}

    def place(index: int, above: np.ndarray) -> None:
        local = np.eye(4)
        local[:3, :3] = Rotation.from_quat(nodes[index].get("rotation", (0, 0, 0, 1))).as_matrix()
        local[:3, 3] = nodes[index].get("translation", (0, 0, 0))
        world[index] = above @ local
        for child in nodes[index].get("children", []):
            place(child, world[index])

    for root in document["scenes"][0]["nodes"]:
        place(root, np.eye(4))
    skin = document["skins"][0]
    inverse_bind = arrays[skin["inverseBindMatrices"]].swapaxes(1, 2)
    joint = np.stack([world[node] @ inverse_bind[slot] for slot, node in enumerate(skin["joints"])])
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    vertices, bones, weights = (arrays[attributes[key]] for key in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
    homogeneous = np.c_[vertices, np.ones(len(vertices))]
    return np.einsum("vk,vkij,vj->vi", weights, joint[bones], homogeneous)[:, :3]


@pytest.mark.parametrize("frame", [None, 0, 3])
def test_the_file_poses_the_animal_as_we_do(rigged: Tube, frame: int | None) -> None:
    rotations = rigged.pose if frame is None else rigged.clips["walk"][1][frame]
    np.testing.assert_allclose(posed_by_the_file(glb(rigged), frame), skinned(rigged, rotations), atol=1e-4)


def test_trimesh_reads_mesh_and_texture(rigged: Tube) -> None:
    asset = replace(rigged, pose=Rotation.identity(4).as_quat())
    scene = trimesh.load(trimesh.util.wrap_as_stream(glb(asset)), file_type="glb")
    mesh = next(iter(scene.geometry.values()))
    np.testing.assert_allclose(mesh.vertices, asset.vertices, atol=1e-6)
    assert mesh.visual.material.baseColorTexture.size == (16, 16)
    np.testing.assert_array_equal(read_mesh(glb(asset), "glb")[1], asset.faces)


def test_a_vertex_keeps_its_four_strongest_bones() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(7, 0.3), 50)
    bones, kept = strongest(weights)
    assert bones.shape == kept.shape == (50, 4)
    np.testing.assert_allclose(kept.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(bones[:, 0], weights.argmax(1))
    assert (bones[kept == 0] == 0).all()


def test_neighbouring_keys_never_take_the_long_way(rigged: Tube) -> None:
    seconds, turns = rigged.clips["walk"]
    flipped = turns * np.array((1, -1, 1, -1, -1))[:, None, None]
    document, arrays = parsed(glb(replace(rigged, clips={"walk": (seconds, flipped)})))
    for sampler in document["animations"][0]["samplers"]:
        keys = arrays[sampler["output"]]
        assert (np.einsum("fi,fi->f", keys[1:], keys[:-1]) >= 0).all()


def test_no_clip_is_no_animation(rigged: Tube) -> None:
    assert "animations" not in parsed(glb(replace(rigged, clips={})))[0]


@pytest.mark.parametrize(("vertices", "kind"), [(65_535, 5123), (65_536, 5125)])
def test_indices_take_two_bytes_where_these_name_every_vertex(rigged: Tube, vertices: int, kind: int) -> None:
    spare = vertices - len(rigged.vertices)
    arrays = {
        name: np.pad(getattr(rigged, name), ((0, spare), (0, 0)), "edge")
        for name in ("vertices", "normals", "uv", "weights")
    }
    document, arrays = parsed(glb(replace(rigged, **arrays)))
    number = document["meshes"][0]["primitives"][0]["indices"]
    assert document["accessors"][number]["componentType"] == kind
    np.testing.assert_array_equal(arrays[number].reshape(-1, 3), rigged.faces)


def test_the_khronos_validator_has_no_complaint(rigged: Tube) -> None:
    data = glb(rigged)
    try:
        answer = subprocess.run(["node", "-e", VALIDATE], input=data, capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("node finds no validator: npm install gltf-validator@2.0.0-dev.3.10, and set NODE_PATH")
    issues = json.loads(answer.stdout)
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


TURNS = Rotation.random(50, rng=0)
HALF_TURNS = Rotation.from_rotvec(np.pi * np.eye(3))


def test_matrices_agree_with_scipy() -> None:
    np.testing.assert_allclose(matrices(TURNS.as_quat()), TURNS.as_matrix(), atol=1e-12)


def test_quaternions_come_back_up_to_sign() -> None:
    for turns in (TURNS, HALF_TURNS, Rotation.identity(1)):
        answers, expected = quaternions(turns.as_matrix()), turns.as_quat()
        np.testing.assert_allclose(np.abs((answers * expected).sum(-1)), 1, atol=1e-12)
