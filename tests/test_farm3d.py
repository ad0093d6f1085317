import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

import farm3d
from models.geometry.mesh import Mesh

ROOT = Path(__file__).resolve().parents[1]


def test_the_packages_are_its_own():
    assert farm3d.find_intruder() is None


def run(*options, cwd, **variables):
    environment = {"HOME": str(cwd), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *options, "-m", "farm3d", "category", "list"]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["models", "flows", "storage"])
def test_another_project_of_the_same_name_is_named_and_not_run(tmp_path, package):
    other = tmp_path / "other project"
    (other / package).mkdir(parents=True)
    (other / package / "__init__.py").write_text("raise SystemExit('foreign code ran')")
    done = run(cwd=tmp_path, PYTHONPATH=f"{other}{os.pathsep}{ROOT}")
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f"error: package '{package}' of farm3d is {other / package}; take that out of PYTHON")


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"},
        {"PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_API_KEY": "x", "PREFECT_PROFILE": "default"},
        {"VIRTUAL_ENV": "/nowhere", "CONDA_PREFIX": "/nowhere", "PYTHONSTARTUP": "/nowhere.py"},
        {"PATH": "/nowhere"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_whatever_the_surroundings_say_a_command_works(tmp_path, variables):
    folder = tmp_path / "a folder"
    folder.mkdir()
    done = run(cwd=folder, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cow ") and not done.stderr


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_page_of_the_door_is_what_the_docstrings_say():
    page = load_script("api").page()
    assert page == (ROOT / "docs" / "python.md").read_text("utf-8"), "python docs/api.py docs/python.md"
    assert all(f"farm3d.{name}" in page for name in farm3d.__all__)


@pytest.mark.slow
def test_the_notebook_runs_and_what_it_shows_is_what_it_makes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = json.loads((ROOT / "docs" / "farm3d.ipynb").read_text())
    made = load_script("notebook").run_notebook(shown)
    assert (shown["nbformat"], shown["nbformat_minor"]) == (4, 5)
    codes = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    kept = [cell for cell in shown["cells"] if cell["cell_type"] == "code"]
    assert all(output["data"] for cell in codes for output in cell["outputs"])
    assert [[list(each["data"]) for each in cell["outputs"]] for cell in codes] == [
        [list(each["data"]) for each in cell["outputs"]] for cell in kept
    ], "python docs/notebook.py docs/farm3d.ipynb"
    assert (tmp_path / "cow.glb").read_bytes()[:4] == b"glTF"


def test_the_door_loads_nothing_heavy_before_it_is_used():
    code = "import farm3d, sys; print(sorted({'torch', 'prefect', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class Brightest:
    """An answer that knows one number of its crop, and has no mesh."""

    camera = None

    def __init__(self, value):
        self.value = value

    def __len__(self):
        return 1

    def mesh(self, row):
        return None

    def pick(self, row, count=1):
        return self


@pytest.fixture
def model():
    """A model that answers each crop with its brightest number."""
    batches = []

    def predict(batch):
        batches.append(len(batch))
        return SimpleNamespace(pick=lambda row: Brightest(float(batch.image[row].max())))

    selected = SimpleNamespace(
        category="cow",
        name="a-run",
        crops=SimpleNamespace(size=16),
        size=16,
        load=lambda *_: SimpleNamespace(predict=predict, batches=batches),
        renderer=lambda _: None,
    )
    return farm3d.Model(selected, "cpu", refine=False)


def grey(value, size=(16, 16)):
    return np.full((*size, 3), value, np.uint8)


def inner():
    """A mask of the middle."""
    return np.pad(np.full((10, 10), 255, np.uint8), 3)


def test_a_photo_is_a_file_a_picture_or_an_array(model, tmp_path):
    Image.fromarray(grey(51)).save(tmp_path / "cow.png")
    Image.fromarray(inner()).save(tmp_path / "cow.mask.png")
    mask, photos = inner(), (tmp_path / "cow.png", str(tmp_path / "cow.png"))
    answers = [model.reconstruct(photo) for photo in photos]
    answers += [model.reconstruct(photo, mask) for photo in (grey(51), Image.fromarray(grey(51)).convert("L"))]
    assert [round(answer._answer.reconstruction.value, 3) for answer in answers] == [0.2] * 4
    assert repr(model) == "<farm3d model of cow: a-run>"


def test_a_batch_keeps_its_order_and_is_computed_eight_at_a_time(model, tmp_path):
    for number in range(10):
        Image.fromarray(grey(25 * number)).save(tmp_path / f"{number}.png")
        Image.fromarray(inner()).save(tmp_path / f"{number}.mask.png")
    answers = model.reconstruct_batch(tmp_path / f"{number}.png" for number in range(10))
    values = [answer._answer.reconstruction.value for answer in answers]
    assert values == pytest.approx([25 * number / 255 for number in range(10)])
    assert next(iter(model._loaded.values())).batches == [8, 2]


@pytest.mark.parametrize(
    ("photo", "mask", "said"),
    [
        (np.zeros((16, 16), np.uint8), None, r"photo is an array \(16, 16\) of uint8; give RGB bytes"),
        (np.zeros((16, 16, 3)), None, r"photo is an array \(16, 16, 3\) of float64; give RGB bytes"),
        (grey(0), np.ones((8, 8)), r"mask is \(8, 8\) and the photo \(16, 16\); give one of the same size"),
        (grey(0), np.zeros((16, 16)), "mask is false everywhere; make it true on the animal"),
        (np.zeros((0, 9, 3), np.uint8), None, r"photo is an array \(0, 9, 3\) of uint8; give RGB bytes"),
    ],
)
def test_what_is_no_photo_and_no_mask_of_it_is_one_sentence(model, photo, mask, said):
    with pytest.raises(ValueError, match=said):
        model.reconstruct(photo, mask)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda animal: animal.render(size=0), "size is 0; give 16 to 4096"),
        (lambda animal: animal.render(size=100_000), "size is 100000; give 16 to 4096"),
        (lambda animal: animal.render(azimuth=float("nan")), "azimuth is nan; give degrees"),
        (lambda animal: animal.export("a.glb", texture=0), "texture is 0; give 16 to 8192"),
        (lambda _: farm3d.load(None), "category is None; give a name"),
        (lambda _: farm3d.load("cow", device="tpu"), "device is 'tpu'; choose auto, cpu or cuda"),
    ],
)
def test_what_a_caller_can_mend_is_one_sentence(model, monkeypatch, ask, said):
    monkeypatch.setattr("models.export.film.is_drawable", lambda answer: True)
    animal = model.reconstruct(grey(9), np.ones((16, 16)))
    with pytest.raises(ValueError, match=said):
        ask(animal)


def test_one_path_is_no_list_of_photos(model):
    with pytest.raises(ValueError, match=r"photos is the one path cow\.jpg; give several in a list"):
        model.reconstruct_batch("cow.jpg")


def test_an_answer_is_exported_into_a_folder_that_is_not_there_yet(model, tmp_path, monkeypatch):
    animal = model.reconstruct(grey(9), np.ones((16, 16)))
    box = trimesh.creation.box()
    monkeypatch.setattr(
        Brightest, "mesh", lambda self, row: Mesh(torch.tensor(box.vertices)[None].float(), torch.tensor(box.faces))
    )
    (file,) = animal.export(tmp_path / "new" / "folder" / "a.obj")
    assert len(trimesh.load(file).vertices) == 8


def test_what_a_method_cannot_do_is_one_sentence(model, tmp_path):
    animal = model.reconstruct(grey(9), np.ones((16, 16)))
    for ask in (animal.render, lambda: animal.vertices, lambda: animal.export(tmp_path / "a.glb")):
        with pytest.raises(ValueError, match="load another release|no surface was found"):
            ask()
    with pytest.raises(ValueError, match=r"ends in '\.stl'; give one that ends in \.glb, .* or \.fbx"):
        animal.export(tmp_path / "a.stl")


def test_an_unknown_animal_is_refused_by_the_door(tmp_path):
    with pytest.raises(ValueError, match="category 'dragon' is unknown; choose cow"):
        farm3d.load("dragon", str(tmp_path))
