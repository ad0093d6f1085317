import errno
import os
from pathlib import Path

import pytest

from storage.formats.glb import glb
from storage.formats.meshes import OBJ_HEAD
from tasks.inference import answer_files
from tasks.inference.answer_files import check_writable, describe_failure, write_answer
from tests.storage.tube import tube

MESH = OBJ_HEAD.encode() + b"v 0 0 0\n"


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "cow.png").write_bytes(b"the photo")
    return tmp_path / "cow.png"


def parts(folder, name="cow"):
    return {folder / f"{name}.obj": MESH, folder / f"{name}.mtl": b"new", folder / f"{name}.png": b"new"}


def test_the_photo_is_not_written_over(photo, tmp_path):
    with pytest.raises(ValueError, match=r"cow\.png: is the photo itself; choose another name"):
        write_answer(parts(tmp_path), photo, tmp_path / "cow.obj")
    link = tmp_path / "link.png"
    link.symlink_to(photo)
    with pytest.raises(ValueError, match="is the photo itself"):
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
    monkeypatch.setattr(answer_files, "glb", lambda asset: b"glb")
    monkeypatch.setattr(answer_files, "replace", lambda asset, name: name)
    monkeypatch.setattr(answer_files, "obj", lambda name: {f"{name}.obj": b"obj", f"{name}.png": b"png"})
    assert answer_files.encode_asset(None, Path("a/cow.glb")) == {Path("a/cow.glb"): b"glb"}
    assert set(answer_files.encode_asset(None, Path("a/cow.obj"))) == {Path("a/cow.obj"), Path("a/cow.png")}
    with pytest.raises(ValueError, match=r"cow\.stl: its name ends in '\.stl'; give one that ends in \.glb or \.obj"):
        answer_files.check_suffix(Path("cow.stl"))


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
