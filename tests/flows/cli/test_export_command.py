import pytest

from storage.formats.glb import glb
from tests.flows.cli.typed import ended, said
from tests.storage.gltf_player import Player
from tests.storage.tube import tube


@pytest.fixture
def cow(tmp_path):
    file = tmp_path / "cow.glb"
    file.write_bytes(glb(tube()))
    return file


def test_a_glb_becomes_lighter_ones_that_are_rigged_and_move(cow, tmp_path):
    code, output = said("export", str(cow), "-o", str(tmp_path / "light.glb"), "--triangles", "240", "--levels")
    assert code == 0 and "light_LOD2.glb" in output
    whole, light = (Player((tmp_path / name).read_bytes()) for name in ("cow.glb", "light.glb"))
    assert len(light.faces) <= 240 < len(whole.faces)
    assert (light.names, list(light.clips)) == (whole.names, list(whole.clips))


def test_a_glb_becomes_the_usdz_that_the_animal_itself_would_be(cow, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.inference.answer_files.check_usd", lambda: None)
    monkeypatch.setattr("tasks.inference.answer_files.usdz", lambda animal: " ".join(animal.clips).encode())
    assert said("export", str(cow), "-o", str(tmp_path / "cow.usdz"))[0] == 0
    assert (tmp_path / "cow.usdz").read_bytes() == b"walk"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-o", "cow.obj"), "cow.obj: its name ends in '.obj'; give one that ends in .glb, .usdz or .fbx"),
        (("-o", "cow.fbx"), "no program 'blender' is on the PATH"),
        (("-o", "cow.glb", "--triangles", "10"), "triangles is 10; an animal needs 200 or more"),
        (("-o", "cow.usdz", "--quantise"), "only a .glb is quantised"),
        (("-o", "cow.glb"), "cow.glb: is what it would be made of; choose another name"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(cow, tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    before = cow.read_bytes()
    code, _, err = ended(monkeypatch, capsys, "export", "cow.glb", *words)
    assert code == 1 and says in " ".join(err.split()) and "Traceback" not in err
    assert cow.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["cow.glb"]


def test_a_file_without_an_animal_or_no_file_at_all_is_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "chair.glb").write_bytes(b"glTF")
    for name, says in (("chair.glb", "chair.glb: is no rigged animal of farm3d"), ("gone.glb", "gone.glb: no such")):
        code, _, err = ended(monkeypatch, capsys, "export", str(tmp_path / name), "-o", str(tmp_path / "a.glb"))
        assert code == 1 and says in " ".join(err.split()) and "Traceback" not in err
