import errno
import io
import os
from pathlib import Path

import pytest
import torch
import trimesh

from models.export.asset import Asset
from storage.formats.glb import glb
from storage.formats.meshes import OBJ_HEAD
from tasks.inference import answer_files
from tasks.inference.answer_files import check_writable, describe_failure, encode_plain, write_answer
from tasks.inference.select import Answer
from tests.models.cloud import Cloud
from tests.models.methods.meshinversion.material import SMOKE, setting, trained
from tests.storage.tube import tube

MESH = OBJ_HEAD.encode() + b"v 0 0 0\n"


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "cow.png").write_bytes(b"the photo")
    return tmp_path / "cow.png"


def parts(folder, name="cow"):
    return {folder / f"{name}.obj": MESH, folder / f"{name}.mtl": b"new", folder / f"{name}.png": b"new"}


def test_the_photo_is_not_written_over(photo, tmp_path):
    with pytest.raises(ValueError, match=r"cow\.png: is what it would be made of; choose another name"):
        write_answer(parts(tmp_path), photo, tmp_path / "cow.obj")
    link = tmp_path / "link.png"
    link.symlink_to(photo)
    with pytest.raises(ValueError, match="is what it would be made of"):
        write_answer({link: b"new"}, photo, link)
    assert photo.read_bytes() == b"the photo" and not (tmp_path / "cow.obj").exists()


def test_a_file_that_nobody_asked_to_replace_stays(photo, tmp_path):
    (tmp_path / "bess.mtl").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"bess\.mtl: is there and is no earlier answer; choose another place"):
        write_answer(parts(tmp_path, "bess"), photo, tmp_path / "bess.obj")
    assert (tmp_path / "bess.mtl").read_bytes() == b"mine" and not (tmp_path / "bess.obj").exists()


def test_an_earlier_answer_is_replaced_and_so_is_what_was_asked_for(photo, tmp_path):
    write_answer(parts(tmp_path, "bess"), photo, tmp_path / "bess.obj")
    write_answer(parts(tmp_path, "bess") | {tmp_path / "bess.mtl": b"newer"}, photo)
    assert (tmp_path / "bess.mtl").read_bytes() == b"newer"
    (tmp_path / "walk.gif").write_bytes(b"old")
    write_answer({tmp_path / "walk.gif": b"new"}, photo, tmp_path / "walk.gif")
    assert (tmp_path / "walk.gif").read_bytes() == b"new"


def test_a_target_that_cannot_be_written_is_found_before_the_work(tmp_path, monkeypatch):
    check_writable(tmp_path / "deep" / "deeper" / "cow.glb")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is no folder; choose another place"):
        check_writable(tmp_path / "file" / "cow.glb")
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    with pytest.raises(ValueError, match="cannot be written to; choose another place, or change its permissions"):
        check_writable(tmp_path / "deep" / "cow.glb")


def test_a_failure_is_one_sentence_with_a_name(tmp_path):
    error = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    assert describe_failure(tmp_path / "a.png", error).startswith(f"{tmp_path / 'a.png'}: File name too long; rename")
    assert describe_failure(tmp_path / "a.png", ValueError("b: is torn; mend it")) == "b: is torn; mend it"


def test_an_animal_is_written_as_its_name_ends(monkeypatch):
    for kind in ("glb", "ply", "usdz", "fbx"):
        monkeypatch.setattr(answer_files, kind, lambda asset, kind=kind: kind.encode())
        file = Path(f"a/cow.{kind}")
        assert answer_files.encode_asset(None, file) == {file: kind.encode()}
    monkeypatch.setattr(answer_files, "replace", lambda asset, name: name)
    monkeypatch.setattr(answer_files, "obj", lambda name: {f"{name}.obj": b"obj", f"{name}.png": b"png"})
    assert set(answer_files.encode_asset(None, Path("a/cow.obj"))) == {Path("a/cow.obj"), Path("a/cow.png")}
    choices = r"give one that ends in \.glb, \.obj, \.ply, \.usdz or \.fbx"
    with pytest.raises(ValueError, match=rf"cow\.stl: its name ends in '\.stl'; {choices}"):
        answer_files.check_format(Path("cow.stl"))


@pytest.mark.parametrize(("kind", "said"), [("usdz", "needs usd-core"), ("fbx", "no program 'blender'")])
def test_a_format_whose_writer_is_not_installed_is_refused_with_its_file(monkeypatch, kind, said):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("storage.formats.usdz.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=rf"^cow\.{kind}: .*{said}.* or take \.glb"):
        answer_files.check_format(Path(f"cow.{kind}"))
    answer_files.check_format(Path("cow.glb"))


@pytest.mark.parametrize("kind", ["obj", "ply", "glb"])
def test_each_format_knows_its_own_files_again(photo, tmp_path, kind):
    lighter = tmp_path / f"cow_LOD1.{kind}"
    files = {tmp_path / f"cow.{kind}": b"new", lighter: b"new"}
    lighter.write_bytes(next(iter(answer_files.encode_asset(plain(), lighter).values())))
    write_answer(files, photo, tmp_path / f"cow.{kind}")
    (tmp_path / f"cow.{kind}").unlink()
    lighter.write_bytes(b"ply\nformat ascii 1.0\ncomment of somebody else\n")
    with pytest.raises(ValueError, match="is no earlier answer"):
        write_answer(files, photo, tmp_path / f"cow.{kind}")


def plain():
    known = vars(tube()) | {"posed": tube().posed, "clips": {}}
    return Asset(**known)


def test_a_usdz_and_an_fbx_are_known_again(tmp_path):
    pytest.importorskip("pxr")
    (tmp_path / "a.usdz").write_bytes(answer_files.usdz(tube()))
    (tmp_path / "a.fbx").write_bytes(b"Kaydara FBX Binary" + bytes(999) + b"S\x06\0\0\0farm3d")
    assert answer_files._is_ours(tmp_path / "a.usdz") and answer_files._is_ours(tmp_path / "a.fbx")
    for name in ("b.usdz", "b.fbx"):
        (tmp_path / name).write_bytes(b"PK of somebody else")
        assert not answer_files._is_ours(tmp_path / name)


def test_lighter_copies_are_made_anew_and_other_files_of_their_name_stay(photo, tmp_path):
    ours, theirs = glb(tube()), b"glTF of somebody else"
    (tmp_path / "cow_LOD1.glb").write_bytes(ours)
    files = {tmp_path / "cow.glb": b"new", tmp_path / "cow_LOD1.glb": b"new"}
    write_answer(files, photo, tmp_path / "cow.glb")
    assert (tmp_path / "cow_LOD1.glb").read_bytes() == b"new"
    (tmp_path / "cow.glb").unlink()
    (tmp_path / "cow_LOD1.glb").write_bytes(theirs)
    with pytest.raises(ValueError, match="is no earlier answer"):
        write_answer(files, photo, tmp_path / "cow.glb")


def test_an_answer_without_a_rig_is_a_coloured_mesh_that_says_where_it_comes_from(tmp_path):
    class Signed(Answer):
        origin = {"licence": "CC0"}

    animals = SMOKE.load(trained(), setting()).sample(2, 0)
    one = Signed("cow", animals.pick(1), None)
    data = encode_plain(one, tmp_path / "cow.glb")[tmp_path / "cow.glb"]
    assert b'"generator":"farm3d","extras":{"licence":"CC0"}' in data
    mesh = trimesh.load(io.BytesIO(data), file_type="glb", force="mesh", process=False)
    assert torch.tensor(mesh.vertices) == pytest.approx(animals.mesh(1).vertices[0], abs=1e-5)
    assert len({*map(tuple, mesh.visual.vertex_colors)}) > 1
    lines = encode_plain(one, tmp_path / "cow.obj")[tmp_path / "cow.obj"].decode().splitlines()
    assert sum(line.startswith("f ") for line in lines) == len(mesh.faces)


def test_what_cannot_be_written_without_a_rig_or_a_surface_is_one_sentence(tmp_path):
    one = Answer("cow", SMOKE.load(trained(), setting()).sample(1, 0), None)
    with pytest.raises(ValueError, match=r"cow\.usdz: cow answers with a mesh without a rig; give a .* \.glb or \.obj"):
        encode_plain(one, tmp_path / "cow.usdz")
    with pytest.raises(ValueError, match="cow: no surface was found in the photo; give another photo"):
        encode_plain(Answer("cow", Cloud(), None), tmp_path / "cow.glb")
