import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from flows.cli import photo_commands
from models.core.errors import NothingKept
from storage.runs.scores import START
from tests.flows.cli.typed import ended, said


class Found:
    """An answer without a model."""

    is_rigged = True

    def __init__(self, refined):
        self.refined = refined

    def asset(self, texture, shoulder_height):
        return f"{'refined' if self.refined else 'predicted'} asset with {texture} texels"

    def film(self, kind, size, frames):
        return np.zeros((frames, size, size, 3), np.uint8)


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tasks.inference.photo_answer.answer_photo",
        lambda pixels, chosen, mask, refine, only_likeliest: [Found(refine)],
    )
    monkeypatch.setattr("tasks.inference.select.select_model", lambda category, root, segmenter: segmenter)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_a_photo_becomes_a_glb(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.inference.answer_files.glb", lambda asset: asset.encode())
    code, output = said("reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--texture", "64")
    assert code == 0 and "cow.glb" in output
    assert (tmp_path / "cow.glb").read_bytes() == b"refined asset with 64 texels"
    said("reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--no-refine")
    assert (tmp_path / "cow.glb").read_bytes() == b"predicted asset with 1024 texels"


def test_a_young_animal_is_handed_out_smaller_and_an_age_without_a_size_is_refused(
    photo, tmp_path, monkeypatch, capsys
):
    heights = []
    monkeypatch.setattr(Found, "asset", lambda _, texture, height: heights.append(height) or "asset")
    monkeypatch.setattr("tasks.inference.answer_files.glb", lambda asset: asset.encode())
    words = ["reconstruct", str(photo), "-o", str(tmp_path / "cow.glb")]
    assert [said(*words, *more)[0] for more in ((), ("--age", "young"))] == [0, 0]
    assert heights == pytest.approx([1.4, 0.8])
    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", lambda *_, **__: pytest.fail("a model answered"))
    code, _, err = ended(monkeypatch, capsys, *words, "--age", "old")
    assert code == 1 and "age is 'old'; give young or grown, or say under shoulder_height_m" in " ".join(err.split())


def test_a_mesh_without_a_rig_is_written_and_options_of_a_rig_are_refused(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Found, "is_rigged", False)
    monkeypatch.setattr("tasks.inference.answer_files.encode_plain", lambda one, output: {output: b"a mesh"})
    words = ["reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--category", "cow"]
    code, _, err = ended(monkeypatch, capsys, *words, "--triangles", "900", "--levels")
    said_in_one = " ".join(err.split())
    assert code == 1 and "gives a mesh without a rig, and --triangles, --levels is for rigged animals" in said_in_one
    assert said(*words)[0] == 0 and (tmp_path / "cow.glb").read_bytes() == b"a mesh"


def test_a_folder_takes_no_option_of_one_photos_file(photo, monkeypatch, capsys):
    words = [
        "reconstruct",
        str(photo.parent),
        "-o",
        str(photo.with_name("out")),
        "--triangles",
        "900",
        "--age",
        "young",
    ]
    code, _, err = ended(monkeypatch, capsys, *words)
    assert code == 1 and "is a folder, and --triangles, --age is for one photo; leave it out" in " ".join(err.split())


def test_each_of_several_animals_has_a_file_and_none_takes_the_place_of_somebodys_own(
    photo, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", lambda *_, **__: [Found(True), Found(False)])
    monkeypatch.setattr("tasks.inference.answer_files.glb", lambda asset: b'"generator":"farm3d ' + asset.encode())
    words = ["reconstruct", str(photo), "-o", str(tmp_path / "cow.glb")]
    (tmp_path / "cow-2.glb").write_bytes(b"mine")
    code, _, err = ended(monkeypatch, capsys, *words)
    assert code == 1 and "cow-2.glb: is there and is no earlier answer" in "".join(err.split("\n"))
    assert not (tmp_path / "cow-1.glb").exists()
    (tmp_path / "cow-2.glb").unlink()
    assert said(*words)[0] == 0 and said(*words)[0] == 0
    assert b"refined" in (tmp_path / "cow-1.glb").read_bytes() and b"predicted" in (tmp_path / "cow-2.glb").read_bytes()
    assert not (tmp_path / "cow.glb").exists()


def test_triangles_that_leave_no_animal_are_refused_before_a_model_answers(photo, tmp_path, monkeypatch, capsys):
    words = ["reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--triangles", "10"]
    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", lambda *_, **__: pytest.fail("a model answered"))
    code, _, err = ended(monkeypatch, capsys, *words)
    assert code == 1 and "triangles is 10; an animal needs 200 or more: give 1000 to 20000" in " ".join(err.split())


def test_lighter_copies_lie_beside_the_animal(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.inference.answer_files.glb", lambda asset: asset.encode())
    monkeypatch.setattr("tasks.inference.answer_files.simplify", lambda asset, triangles: f"{asset}, {triangles}")
    monkeypatch.setattr("tasks.inference.answer_files.levels", lambda asset: {"LOD1": f"half of {asset}"})
    code, _ = said("reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--triangles", "900", "--levels")
    whole = "refined asset with 1024 texels, 900"
    assert code == 0 and (tmp_path / "cow.glb").read_text() == whole
    assert (tmp_path / "cow_LOD1.glb").read_text() == f"half of {whole}"


def test_only_a_glb_is_quantised_and_the_others_are_refused_before_a_model_answers(
    photo, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        "tasks.inference.answer_files.glb", lambda asset, quantise=False: f"{asset}, {quantise}".encode()
    )
    said("reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--quantise", "--texture", "64")
    assert (tmp_path / "cow.glb").read_text() == "refined asset with 64 texels, True"
    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", lambda *_, **__: pytest.fail("a model answered"))
    words = ["reconstruct", str(photo), "-o", str(tmp_path / "cow.obj"), "--quantise"]
    code, _, err = ended(monkeypatch, capsys, *words)
    assert code == 1 and "only a .glb is quantised; give one, or leave out --quantise" in " ".join(err.split())


def test_a_folder_of_photos_becomes_a_folder_of_animals(photo, tmp_path, monkeypatch):
    told = {"photo": None, "torn.jpg": "cannot be read"}
    monkeypatch.setattr("tasks.inference.photo_folder.reconstruct_folder", lambda *_, **__: iter(told.items()))
    code, output = said("reconstruct", str(tmp_path), "-o", str(tmp_path / "animals"))
    assert code == 0 and "skipped torn.jpg: cannot be read" in output and "1 animal, 1 photo skipped" in output
    told["photo"] = "no cow was found"
    assert said("reconstruct", str(tmp_path), "-o", str(tmp_path / "animals"))[0] == 1


@pytest.mark.parametrize("target", ["one", "folder"])
def test_another_segmenter_may_look_for_the_animal(photo, tmp_path, monkeypatch, target):
    asked = []
    monkeypatch.setattr("tasks.inference.answer_files.glb", lambda asset: asset.encode())
    monkeypatch.setattr(
        "tasks.inference.photo_answer.answer_photo",
        lambda _, segmenter, refine, **__: asked.append(segmenter) or [Found(refine)],
    )
    monkeypatch.setattr(
        "tasks.inference.photo_folder.reconstruct_folder",
        lambda *_, segmenter, **__: iter([(asked.append(segmenter), None)]),
    )
    source, output = (photo, "cow.glb") if target == "one" else (tmp_path, "animals")
    for words in (["--segmenter", "transformers:some/model"], []):
        assert said("reconstruct", str(source), "-o", str(tmp_path / output), *words)[0] == 0
    assert [chosen and chosen.model for chosen in asked] == ["some/model", None]


def test_an_unknown_segmenter_is_refused_in_one_sentence(photo, tmp_path, monkeypatch, capsys):
    words = ["reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"), "--segmenter", "sam"]
    _, _, err = ended(monkeypatch, capsys, *words)
    assert "segmenter is 'sam'; give transformers, or transformers:MODEL" in err


def test_a_folder_of_photos_does_not_fit_into_a_file(photo, tmp_path, monkeypatch, capsys):
    _, _, err = ended(monkeypatch, capsys, "reconstruct", str(tmp_path), "-o", str(tmp_path / "cow.glb"))
    assert "is a folder; give the name of a folder to write to" in err.replace("\n", "")


@pytest.mark.parametrize("verb", ["turntable", "animate", "relight"])
def test_the_likeliest_animal_of_a_photo_becomes_a_film(photo, tmp_path, monkeypatch, verb):
    monkeypatch.setattr(
        "tasks.inference.photo_answer.answer_photo",
        lambda *_, only_likeliest, **__: [Found(True)] * (1 if only_likeliest else 2),
    )
    file = tmp_path / "film.gif"
    code, _ = said(verb, str(photo), "-o", str(file), "--frames", "3", "--size", "16")
    assert code == 0 and Image.open(file).size == (16, 16)


def test_a_kind_of_file_that_is_not_written_is_refused_first(photo, tmp_path, monkeypatch, capsys):
    _, _, err = ended(monkeypatch, capsys, "reconstruct", str(photo), "-o", str(tmp_path / "cow.stl"))
    assert "ends in '.stl'; give one that ends in .glb, .obj, .ply, .usdz or .fbx" in " ".join(err.split())


@pytest.mark.parametrize(("name", "said"), [("cow.usdz", "pip install -e '.[usdz]'"), ("cow.fbx", "'blender' is on")])
def test_a_format_without_its_writer_is_refused_before_a_model_answers(photo, monkeypatch, capsys, name, said):
    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", lambda *_, **__: pytest.fail("a model answered"))
    monkeypatch.setattr("storage.formats.usdz.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "/nowhere")
    code, _, err = ended(monkeypatch, capsys, "reconstruct", str(photo), "-o", str(photo.with_name(name)))
    assert code == 1 and said in " ".join(err.split()) and "Traceback" not in err


def test_a_photo_without_an_animal_is_one_sentence_and_no_file(photo, tmp_path, monkeypatch, capsys):
    def find_nothing(*_, **__):
        raise NothingKept("no cow was found in the photo; give one that shows the whole animal")

    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", find_nothing)
    code, _, err = ended(monkeypatch, capsys, "reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"))
    assert code == 1 and "no cow was found in the photo; give one" in " ".join(err.split())
    assert "Traceback" not in err and not (tmp_path / "cow.glb").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_before_a_model_answers(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tasks.inference.photo_answer.answer_photo", lambda *_, **__: pytest.fail("a model answered"))
    monkeypatch.setattr("tasks.inference.answer_files.os.access", lambda path, _: path != tmp_path)
    code, _, err = ended(monkeypatch, capsys, "reconstruct", str(photo), "-o", str(tmp_path / "cow.glb"))
    assert code == 1 and "cannot be written to; choose another place, or change its permissions" in " ".join(
        err.split()
    )


def test_a_photo_that_is_not_there_is_a_usage_error(tmp_path):
    code, output = said("reconstruct", str(tmp_path / "nowhere.jpg"), "-o", "x.glb")
    assert code == 2 and "does not exist" in output


def test_a_folder_is_examined(tmp_path, monkeypatch):
    scores = {"smoke-1": SimpleNamespace(mean=71.25, count=3), START: SimpleNamespace(mean=64.5, count=3)}
    row = SimpleNamespace(metric="mask IoU", unit="%", scores=scores)
    monkeypatch.setattr(
        "tasks.inference.user_evaluation.evaluate_folder", lambda *_: (SimpleNamespace(rows=[row]), ["b.jpg: torn"])
    )
    code, output = said("evaluate", str(tmp_path))
    assert code == 0 and "skipped b.jpg: torn" in output
    assert re.search(r"^ *metric +smoke-1 +start without this training", output, re.MULTILINE)
    assert re.search(r"^ *mask IoU +71.25 % \(3 values\) +64.5 % \(3 values\)", output, re.MULTILINE)


@pytest.mark.parametrize("verb", ["reconstruct", "turntable", "evaluate"])
def test_a_photo_of_an_unknown_category_is_refused_before_a_model_answers(photo, tmp_path, monkeypatch, capsys, verb):
    target = [] if verb == "evaluate" else ["-o", str(tmp_path / ("a.glb" if verb == "reconstruct" else "a.gif"))]
    source = str(tmp_path if verb == "evaluate" else photo)
    _, _, err = ended(monkeypatch, capsys, verb, source, *target, "--category", "dragon", "--root", str(tmp_path))
    assert "category 'dragon' is unknown; choose cow" in err


@pytest.mark.parametrize("arguments", [("reconstruct", "PHOTO", "-o"), ("dataset", "card", "cow")])
def test_an_address_is_no_place_on_this_machine(photo, monkeypatch, capsys, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    arguments = [str(photo) if argument == "PHOTO" else argument for argument in arguments]
    code, _, err = ended(monkeypatch, capsys, *arguments, "s3://farm/out/cow.glb")
    assert code != 0 and "is an address" in " ".join(err.replace("│", "").split()) and "Traceback" not in err
    assert not (tmp_path / "s3:").exists()


def test_a_texture_does_not_take_the_place_of_the_photo(photo, monkeypatch, capsys):
    before = photo.read_bytes()
    monkeypatch.setattr(photo_commands, "_answer_photo", lambda *_: [Found(True)])
    monkeypatch.setattr("tasks.inference.answer_files.replace", lambda asset, name: name)
    monkeypatch.setattr("tasks.inference.answer_files.obj", lambda name: {f"{name}.obj": b"o", photo.name: b"texture"})
    code, _, err = ended(monkeypatch, capsys, "reconstruct", str(photo), "-o", str(photo.with_suffix(".obj")))
    assert code == 1 and "is what it would be made of; choose another name" in err
    assert photo.read_bytes() == before and not photo.with_suffix(".obj").exists()


def test_a_folder_of_answers_may_have_a_dot_and_what_was_no_photo_is_told(tmp_path, monkeypatch, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png", "bess.heic"):
        (photos / name).touch()
    answers = [("a", None), ("b.png", "b.png: is torn; mend it")]
    monkeypatch.setattr("tasks.inference.photo_folder.reconstruct_folder", lambda *_, **__: iter(answers))
    code, out, err = ended(monkeypatch, capsys, "reconstruct", str(photos), "-o", str(tmp_path / "animals-v1.2"))
    assert not code and "1 animal, 1 photo skipped" in out
    assert "skipped b.png: b.png: is torn; mend it" in err and "left out as no pictures: 1 (.heic" in err
