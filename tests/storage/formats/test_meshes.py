"""Files of meshes come back as they left."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import trimesh
from PIL import Image

from storage.formats.meshes import PLY_HEAD, obj, ply, read_mesh
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


def test_an_obj_names_its_other_files_so_that_any_reader_finds_them(rigged: Tube) -> None:
    files = obj(replace(rigged, name="my cow #2"))
    assert set(files) == {"my cow #2.obj", "my_cow__2.mtl", "my_cow__2.png"}
    assert b"\nmtllib my_cow__2.mtl\n" in files["my cow #2.obj"]
    assert b"map_Kd my_cow__2.png\n" in files["my_cow__2.mtl"]


def test_obj_is_smooth_across_the_seams_of_its_texture(rigged: Tube) -> None:
    seam = cut_open(rigged)
    mesh = trimesh.load(BytesIO(obj(seam)["tube.obj"]), file_type="obj", process=False)
    closed = trimesh.Trimesh(rigged.posed, rigged.faces, process=False)
    wanted = closed.vertex_normals[rigged.faces]
    normals = mesh.vertex_normals[mesh.faces]
    assert (np.einsum("fci,fci->fc", normals, wanted) > 0.9).all()
    assert np.ptp(normals[rigged.faces == 7], axis=0).max() == 0


def cut_open(rigged: Tube) -> Tube:
    """The same surface with three vertices of its own for each face."""
    corners = rigged.faces.reshape(-1)
    arrays = {name: getattr(rigged, name)[corners] for name in ("vertices", "normals", "uv", "weights")}
    return replace(rigged, **arrays, faces=np.arange(len(corners)).reshape(-1, 3))


def test_ply_comes_back_posed_closed_and_coloured(rigged: Tube) -> None:
    data = ply(cut_open(rigged))
    mesh = trimesh.load(BytesIO(data), file_type="ply", process=False)
    assert mesh.is_watertight and len(mesh.vertices) == len(rigged.vertices)
    np.testing.assert_allclose(mesh.vertices[mesh.faces], rigged.posed[rigged.faces], atol=1e-6)
    column, row = (15 * rigged.uv[rigged.faces]).round().astype(int).reshape(-1, 2).T
    wanted = rigged.texture[row, column].reshape(-1, 3, 3)
    np.testing.assert_allclose(mesh.visual.vertex_colors[mesh.faces][..., :3], wanted, atol=1)


def test_a_vertex_on_a_seam_has_the_mean_of_its_colours(rigged: Tube) -> None:
    seam = cut_open(rigged)
    first = np.flatnonzero(rigged.faces.reshape(-1) == 7)
    seam.uv[first] = (0.0, 0.0)
    seam.uv[first[0]] = (1.0, 0.0)
    mesh = trimesh.load(BytesIO(ply(seam)), file_type="ply", process=False)
    number = np.abs(mesh.vertices - rigged.posed[7]).sum(1).argmin()
    assert mesh.visual.vertex_colors[number][1] == round(255 / len(first))


def test_a_file_without_extras_says_in_comments_where_it_comes_from(rigged: Tube) -> None:
    told = replace(rigged, origin={"licence": "CC0-1.0", "prompt": "a cow\nv 0 0 0\nélan"})
    files = obj(told)
    lines = [f"{name}: {text}" for name, text in (("licence", "CC0-1.0"), ("prompt", "a cow v 0 0 0 élan"))]
    for name in ("tube.obj", "tube.mtl"):
        assert {f"# {line}" for line in lines} <= set(files[name].decode().splitlines())
    np.testing.assert_allclose(read_mesh(files["tube.obj"], "obj")[0].max(0), rigged.posed.max(0), atol=1e-5)
    head = ply(told).split(b"end_header")[0].decode("ascii").splitlines()
    assert tuple(head[:3]) == PLY_HEAD and head[3:5] == [f"comment {line}".replace("é", "\\xe9") for line in lines]
    assert len(read_mesh(ply(told), "ply")[1]) == len(rigged.faces)


BROKEN = [b"", b"glTF\x02\0\0\0\xff\xff\xff\x7f", b"v 0 0 0\nv 1 0 0\n", b"v nan 0 0\nv 0 1 0\nv 1 0 0\nf 1 2 3"]


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("kind", ["obj", "glb"])
def test_a_broken_file_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(ValueError, match=kind):
        read_mesh(data, kind)
