"""Toy methods through the real flow and a real server, with no line changed elsewhere but their union members."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from models.truth.barnyard import sample_scene
from storage.dataset import derived
from storage.runs.releases import published_releases, select_release
from storage.runs.scores import START
from storage.store import bundles, files, layout
from storage.store.layout import Store
from tasks.evaluate import read

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
METHODS = ("ellipsoid", "echo", "duel", "pupil")


@pytest.fixture(scope="module")
def store(launcher, tmp_path_factory):
    """What the flows of all toy methods have made of six photos with masks."""
    photos, root = tmp_path_factory.mktemp("photos"), str(tmp_path_factory.mktemp("data"))
    for number in range(6):
        scene = sample_scene("cow", 16 * number, 128)
        Image.fromarray((scene.image * 255).round().astype(np.uint8)).save(photos / f"{number}.jpg", quality=95)
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(photos / f"{number}.mask.png")
    command = [sys.executable, "-m", "tests.toy_methods.run", root, str(photos), *METHODS]
    environment = {**os.environ, **launcher.environment, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return Store(root)


def release_of(store, method):
    return next(release for release in published_releases(store, "cow") if release.about.method == method)


def contents(store, method):
    folder = layout.release(release_of(store, method).ref)
    return folder, set(bundles.find_committed(folder).files)


@pytest.mark.parametrize("method", ["ellipsoid", "duel"])
def test_a_mesh_becomes_a_plain_glb_beside_films_and_a_report(store, method):
    folder, names = contents(store, method)
    assert {"report.html", "MODEL_CARD.md", "strip.jpg", "cow-1.glb", "obj/cow-1.obj", "turntable.webp"} <= names
    assert "walk.webp" not in names
    scene = trimesh.load(trimesh.util.wrap_as_stream(files.get(layout.member(folder, "cow-1.glb"))), file_type="glb")
    assert len(scene.geometry) == 1 and all(mesh.is_watertight for mesh in scene.geometry.values())


def test_pictures_alone_are_published_too(store):
    _, names = contents(store, "echo")
    assert {"report.html", "strip.jpg", "turntable.webp"} <= names
    assert not any(name.endswith((".glb", ".obj")) for name in names)


def test_a_training_is_measured_beside_its_start(store):
    model = store.model("cow", release_of(store, "ellipsoid").ref.run)
    scores = {(score.metric, score.method): score.mean for table in read(model).values() for score in table}
    trained, start = scores["mask IoU", model.run], scores["mask IoU", START]
    assert trained != start
    assert ("mask IoU", "unit sphere") in scores


def test_a_method_that_only_fits_has_no_start_and_no_stage(store):
    model = store.model("cow", release_of(store, "echo").ref.run)
    methods = {score.method for table in read(model).values() for score in table}
    assert START not in methods and model.run in methods
    assert files.names(layout.stages(model)) == []


def test_two_stages_are_two_artifacts_in_their_order(store):
    model = store.model("cow", release_of(store, "duel").ref.run)
    assert files.names(layout.stages(model)) == ["brightness", "forgery"]
    for stage, losses in (("brightness", {"loss"}), ("forgery", {"loss", "judge", "forger"})):
        bundle = bundles.find_committed(layout.stage(model, stage))
        assert (
            set(bundle.files) == {f"{stage}.safetensors", "metrics.jsonl"} and losses <= bundle.about["values"].keys()
        )


def test_what_a_method_needs_is_distilled_from_the_release_that_answers(store):
    answering = select_release(store, "cow")
    assert answering.about.method == "ellipsoid", "the promoted one"
    (recipe,) = derived.recipes(store.root, "cow").values()
    assert recipe.method == "ellipsoid" and recipe.columns == ("mesh.npz",)
    assert {"report.html", "cow-1.glb"} <= contents(store, "pupil")[1]


def test_a_toy_method_is_short():
    text = (ROOT / "tests" / "toy_methods" / "ellipsoid.py").read_text()
    assert text.count("\n") <= 60
