"""Files of meshes come back as they left."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from storage.formats.meshes import obj, read_mesh
from tests.storage.tube import Tube, tube


@pytest.fixture
def rigged() -> Tube:
    return tube()


def test_obj_comes_back_posed(rigged: Tube) -> None:
    files = obj(rigged)
    vertices, faces = read_mesh(files["tube.obj"], "obj")
    np.testing.assert_allclose(vertices[faces], rigged.posed[rigged.faces], atol=1e-5)
    assert np.abs(rigged.posed - rigged.vertices).max() > 0.1
    assert b"map_Kd tube.png" in files["tube.mtl"]
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(files["tube.png"]))), rigged.texture)


BROKEN = [b"", b"glTF\x02\0\0\0\xff\xff\xff\x7f", b"v 0 0 0\nv 1 0 0\n", b"v nan 0 0\nv 0 1 0\nv 1 0 0\nf 1 2 3"]


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("kind", ["obj", "glb"])
def test_a_broken_file_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=kind):
        read_mesh(data, kind)
