import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.data.crops import Crops
from models.data.framing import Crop
from models.geometry.mesh import Mesh
from storage.dataset import catalogue
from storage.formats.meshes import read_mesh
from storage.runs.releases import published_releases, select_release
from storage.runs.scores import START, Score
from storage.store import bundles, files, layout
from storage.store.layout import Store
from tasks import evaluate, publish
from tasks.publish import ReleaseConfig
from tasks.reports import release_page
from tests.storage.material import flip
from tests.tasks.material import RELEASE


def file(release, name):
    return bundles.read(layout.release(release), name)


def test_a_release_has_something_for_everyone(release):
    names = set(bundles.find_committed(layout.release(release)).files)
    assert names >= {
        "report.html", "cow-1.glb", "obj/cow-1.obj", "obj/cow-1.mtl", "turntable.webp", "walk.webp", "relit.webp",
        "strip.jpg", "cases.jpg", "MODEL_CARD.md", "DATASET_CARD.md", "kept.jpg", "dropped.jpg",
    }  # fmt: skip


def test_the_animal_is_rigged_and_says_where_it_comes_from(release, crops):
    data = file(release, "cow-1.glb")
    header = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    extras, weights = header["asset"]["extras"], published_releases(Store(release.root), "cow")[0].about.weights
    photos = {row.key: row.prompt for row in catalogue.rows(crops) if row.kept}
    assert photos[extras["picture"]] == extras["prompt"] != ""
    assert (extras["licence"], extras["lineage"]) == ("CC0-1.0", f"cow/{release.run}")
    assert extras["model"] == f"animal {weights['animal']}"
    assert f"# prompt: {extras['prompt']}\n" in file(release, "obj/cow-1.obj").decode()
    assert header["skins"] and header["animations"] and len(header["skins"][0]["joints"]) >= 20


def test_the_report_needs_no_network(release):
    page = file(release, "report.html").decode()
    assert "Chamfer distance" in page and "blank" not in page.split("<style")[0]
    assert 'src="http' not in page and 'href="http' not in page


def test_report_card_and_page_of_a_category_without_truth_say_so(release, model, crops, monkeypatch):
    assert "Measured on barnyard animals:" in file(release, "MODEL_CARD.md").decode()
    names = {"metric": "mask IoU", "unit": "%", "better": "higher", "method": "tiny", "protocol": "input view"}
    tables = {"generated photos": [Score.model_validate(names | {"mean": 50.0, "spread": 1.0, "count": 2})]}
    for module in (publish, evaluate, release_page):
        monkeypatch.setattr(module, "read", lambda _: tables)
    contents = publish._contents(model, crops, publish.Shown(b"", {}, [], {}, {}))
    for name in ("report.html", "MODEL_CARD.md"):
        assert "easured on generated photos; no ground truth for cow" in contents[name].decode(), name
    assert publish._protocol(model) == "measured on generated photos; no ground truth for cow"
    page = publish._overview(model, release)
    assert "## Measured on generated photos\n\n| metric | better | tiny | protocol |" in page
    assert "| mask IoU, % | higher | 50.0 | input view |" in page


def test_the_page_of_a_release_links_its_files(release, model):
    page, folder = publish._overview(model, release), layout.release(release)
    assert f"[report.html](file://{folder}/report.html)" in page and f"In `{folder}`:" in page
    assert publish._link("s3://farm/cow/report.html") == "s3://farm/cow/report.html"


def test_the_release_is_found_again(release):
    store = Store(release.root)
    (published,) = published_releases(store, "cow")
    assert published.ref == release and select_release(store, "cow") == published
    assert select_release(store, "horse") is None


def test_a_release_carries_method_scale_scores_and_weights(release, model):
    (published,) = published_releases(Store(release.root), "cow")
    about, files = published.about, bundles.find_committed(layout.stage(model, "animal")).files
    assert (about.method, about.scale, about.snapshot) == ("magicpony", "smoke", 1)
    assert about.weights == {"animal": files["animal.safetensors"].sha256}
    assert {score.method for table in about.scores.values() for score in table} == {model.run}
    assert {"mask IoU", "Chamfer distance"} <= {score.metric for score in about.scores["barnyard animals"]}


def test_the_best_explained_photo_is_shown_and_then_other_coats():
    white, dark, darker = (0.9, 0.9, 0.9), (0.12, 0.1, 0.1), (0.1, 0.1, 0.1)
    brown, red = (0.6, 0.4, 0.2), (1.0, 0.0, 0.0)
    whole = torch.zeros(16, 16, dtype=torch.bool)
    whole[4:12, 4:12] = True
    shorter = whole.clone()
    shorter[11] = False
    drawn = torch.stack([whole, shorter, shorter, shorter, *[whole.roll(6, 0)] * 4]).float()
    crops = [
        Crop((255 * torch.tensor(coat)).byte().expand(16, 16, 3).numpy(), whole.numpy(), np.ones((16, 16), bool), 0)
        for coat in (white, dark, darker, brown, red, red, red, red)
    ]

    class Drawable:
        def render(self, size, camera=None, light=None):
            return SimpleNamespace(mask=drawn)

    def chosen(reconstruction):
        photos = Crops(crops, 16, torch.device("cpu"))
        batch = photos.batch(torch.arange(len(photos)))
        return publish._chosen(batch, publish._overlap(reconstruction, batch), 3).tolist()

    assert chosen(Drawable()) == [0, 2, 3]
    striped = crops[3].image.copy()
    striped[::2] -= 40
    striped[1::2] += 40
    crops[3] = Crop(striped, whole.numpy(), np.ones((16, 16), bool), 0)
    assert chosen(Drawable()) == [3, 0, 2]
    assert len(set(chosen(object()))) == 3


def test_the_worst_explained_photos_are_shown_beside_the_best(monkeypatch):
    asked = []
    monkeypatch.setattr(publish.film, "is_drawable", lambda _: True)
    monkeypatch.setattr(publish.film, "strip", lambda _, batch, size: np.zeros((len(batch), 8, 48, 3), np.uint8))
    photos = SimpleNamespace(batch=lambda rows: asked.append(rows.tolist()) or rows)
    monkeypatch.setattr(publish, "_overlap", lambda reconstruction, batch: [0.95] * len(batch))
    monkeypatch.setattr(
        publish, "labelled_rows", lambda rows, columns: labels.extend(rows) or np.zeros((8, 8, 3), np.uint8)
    )
    ours, labels = SimpleNamespace(predict=lambda batch: batch), list[str]()
    assert publish._cases(ours, photos, [0.5, 0.9, 0.7, 0.2, 0.8], 8)[:2] == b"\xff\xd8"
    publish._cases(ours, photos, [0.5], 8)
    assert asked == [[1, 2, 0, 3], [0]]
    assert labels[:2] == ["1: mask IoU 90%, here 95%", "2: mask IoU 70%, here 95%"]


def test_photos_are_chosen_by_predictions_and_only_those_that_are_shown_are_fitted(model, crops, monkeypatch):
    asked = {"plain": list[int](), "refined": list[int]()}
    load = publish.reconstructor

    def counted(*given):
        plain = load(*given)

        class Counting:
            def predict(self, batch, kind="plain", of=plain):
                asked[kind].append(len(batch))
                return of.predict(batch)

            def refined(self):
                fitted, of = Counting(), plain.refined()
                fitted.predict = lambda batch: self.predict(batch, "refined", of)
                return fitted

        return Counting()

    monkeypatch.setattr(publish, "reconstructor", counted)
    publish._shown(model, crops, ReleaseConfig(assets=1, film=32, frames=2, texture=32), 1.4, "cpu:0")
    candidates = asked["plain"]
    assert len(candidates) == 1 and asked["refined"] == [1, min(4, candidates[0])]


def test_a_method_without_rig_and_texture_is_released_as_plain_meshes(release, model, crops, monkeypatch):
    triangle = Mesh(torch.eye(3)[None], torch.tensor([[0, 1, 2]]))

    class Plain:
        camera = None

        def __len__(self):
            return 1

        def mesh(self, row):
            return triangle

        def pick(self, row, count=1):
            return self

    ours = SimpleNamespace(predict=lambda batch: Plain())
    monkeypatch.setattr(publish, "reconstructor", lambda *_: ours)
    shown = publish._shown(model, crops, ReleaseConfig(assets=1, film=32, frames=2, texture=32), 1.4, "cpu:0")
    assert (shown.films, shown.assets, list(shown.meshes)) == ({}, [], ["cow-1"])
    contents = publish._contents(model, crops, shown)
    vertices, faces = read_mesh(contents["obj/cow-1.obj"], "obj")
    assert np.allclose(vertices, np.eye(3)) and faces.tolist() == [[0, 1, 2]]
    header = json.loads(contents["cow-1.glb"][20 : 20 + int.from_bytes(contents["cow-1.glb"][12:16], "little")])
    assert "skins" not in header and len(header["meshes"]) == 1


def test_the_model_card_and_the_report_have_the_start_beside_the_result(release, measured):
    card, page = (file(release, name).decode() for name in ("MODEL_CARD.md", "report.html"))
    assert "| metric | value | start without this training | copy of the photo | protocol |" in card
    table = next(iter(evaluate.read(measured).values()))
    ours, before = (
        next(row for row in table if (row.method, row.metric) == (who, "Chamfer distance"))
        for who in (measured.run, START)
    )
    assert f"| Chamfer distance | {ours.mean:.4g} {ours.unit} | {before.mean:.4g} |" in card
    assert f">{START}</th>" in page and "started from random weights" in page
    assert "Relightable, with an error of " in card and "Relightable, with an error of " in page


def test_a_release_is_made_once(release, model, crops, monkeypatch):
    monkeypatch.setattr(publish, "_shown", lambda *_: pytest.fail("made again"))
    assert publish.publish.fn(model, crops, RELEASE, "smoke", "cpu") == release


@pytest.fixture
def moved(release, model, crops, tmp_path):
    """Model and crops under another root, and the release there."""
    root = str(tmp_path / "moved")
    shutil.copytree(crops.root, root)
    return [ref.model_copy(update={"root": root}) for ref in (model, crops, release)]


def test_two_runs_at_once_make_it_once_and_both_have_it(moved, monkeypatch):
    model, crops, release = moved
    files.remove(layout.bundle(layout.release(release)))
    asked = []

    def shown(*_):
        asked.append(1)
        time.sleep(0.3)
        return publish.Shown(b"strip", {}, [], {}, {})

    monkeypatch.setattr(publish, "_shown", shown)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(publish.publish.fn, model, crops, ReleaseConfig(), "smoke", "cpu") for _ in range(2)]
        assert [run.result() for run in runs] == [release] * 2
    assert asked == [1] and file(release, "strip.jpg") == b"strip"


@pytest.mark.parametrize("change", ["assets", "height", "scores"])
def test_a_release_that_shall_show_something_else_is_made_again_once(moved, monkeypatch, change):
    model, crops, release = moved
    config = ReleaseConfig(**{**RELEASE.model_dump(), "assets": 2}) if change == "assets" else RELEASE
    height = 2.0 if change == "height" else 1.0
    if change == "scores":
        (name, table), *others = publish.read(model).items()
        monkeypatch.setattr(publish, "read", lambda model: {name: table[:-1], **dict(others)})
    made = []
    monkeypatch.setattr(publish, "_shown", lambda *_: made.append(1) or publish.Shown(b"strip", {}, [], {}, {}))
    for _ in range(2):
        assert publish.publish.fn(model, crops, config, "smoke", "cpu", height) == release
    assert made == [1] and file(release, "strip.jpg") == b"strip"


@pytest.mark.parametrize("name", ["cow-1.glb", "report.html", "manifest.json"])
def test_a_damaged_release_is_made_again(moved, monkeypatch, name):
    model, crops, release = moved
    flip(layout.member(layout.release(release), name), 100)
    monkeypatch.setattr(publish, "_shown", lambda *_: publish.Shown(b"strip", {}, [], {}, {}))
    assert publish.publish.fn(model, crops, RELEASE, "smoke", "cpu") == release
    assert file(release, "strip.jpg") == b"strip" and bundles.find_intact(layout.release(release))
