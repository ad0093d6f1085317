"""Skinning is rigid where it should be, and OBJ files come back as they left."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation

from storage.formats.meshes import Asset, obj, read_mesh, root_first, skinned
from tests.storage.tube import tube

STILL = Rotation.identity(4).as_quat()


@pytest.fixture
def rigged() -> Asset:
    return tube()


def test_no_rotation_moves_nothing(rigged: Asset) -> None:
    np.testing.assert_allclose(skinned(rigged, STILL), rigged.vertices, atol=1e-9)


def test_a_root_carries_its_children_about_its_origin(rigged: Asset) -> None:
    one_weight = np.zeros_like(rigged.weights)
    one_weight[:, 0] = 1
    asset = replace(rigged, weights=one_weight)
    turn = STILL.copy()
    turn[1] = Rotation.from_euler("x", 90, degrees=True).as_quat()
    bind = asset.T_world_bone[1]
    about = bind @ _homogeneous(Rotation.from_quat(turn[1])) @ np.linalg.inv(bind)
    expected = trimesh.transform_points(asset.vertices, about)
    np.testing.assert_allclose(skinned(asset, turn), expected, atol=1e-9)


def _homogeneous(rotation: Rotation) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = rotation.as_matrix()
    return T


def test_a_loop_of_bones_is_refused() -> None:
    with pytest.raises(ValueError, match="loop"):
        root_first((1, 0))


def test_obj_comes_back_posed(rigged: Asset) -> None:
    asset = rigged
    files = obj(asset)
    vertices, faces = read_mesh(files["tube.obj"], "obj")
    posed = skinned(asset, asset.pose)
    np.testing.assert_allclose(vertices[faces], posed[asset.faces], atol=1e-5)
    assert b"map_Kd tube.png" in files["tube.mtl"]
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(files["tube.png"]))), asset.texture)


BROKEN = [b"", b"glTF\x02\0\0\0\xff\xff\xff\x7f", b"v 0 0 0\nv 1 0 0\n", b"v nan 0 0\nv 0 1 0\nv 1 0 0\nf 1 2 3"]


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("kind", ["obj", "glb"])
def test_a_broken_file_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=kind):
        read_mesh(data, kind)
