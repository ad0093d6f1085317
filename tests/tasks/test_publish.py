import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.data.crops import Crops
from models.data.framing import Crop
from storage.runs.releases import published_releases, select_release
from storage.runs.scores import Score
from storage.store import bundles, layout
from storage.store.layout import Store
from tasks import evaluate, publish
from tasks.publish import ReleaseConfig


def file(release, name):
    return bundles.read(layout.release(release), name)


def test_a_release_has_something_for_everyone(release):
    names = set(bundles.committed(layout.release(release)).files)
    assert names >= {
        "report.html", "cow-1.glb", "obj/cow-1.obj", "obj/cow-1.mtl", "turntable.webp", "walk.webp", "relit.webp",
        "strip.jpg", "MODEL_CARD.md", "DATASET_CARD.md", "kept.jpg", "dropped.jpg",
    }  # fmt: skip


def test_the_animal_is_rigged(release):
    data = file(release, "cow-1.glb")
    header = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert header["skins"] and header["animations"] and len(header["skins"][0]["joints"]) >= 20


def test_the_report_needs_no_network(release):
    page = file(release, "report.html").decode()
    assert "Chamfer distance" in page and "blank" not in page.split("<style")[0]
    assert 'src="http' not in page and 'href="http' not in page


def test_report_card_and_page_of_a_category_without_truth_say_so(release, model, crops, monkeypatch):
    assert "Measured on barnyard animals:" in file(release, "MODEL_CARD.md").decode()
    names = {"metric": "mask IoU", "unit": "%", "better": "higher", "method": "tiny", "protocol": "input view"}
    tables = {"generated photos": [Score.model_validate(names | {"mean": 50.0, "spread": 1.0, "count": 2})]}
    for module in (publish, evaluate):
        monkeypatch.setattr(module, "read", lambda _: tables)
    contents = publish._contents(model, crops, publish.Shown(b"", {}, []))
    for name in ("report.html", "MODEL_CARD.md"):
        assert "easured on generated photos; no ground truth for cow" in contents[name].decode(), name
    assert "Numbers measured on generated photos; no ground truth for cow." in publish._overview(
        release, publish._protocol(model)
    )


def test_the_release_is_found_again(release):
    store = Store(release.root)
    (published,) = published_releases(store, "cow")
    assert published.ref == release and select_release(store, "cow") == published
    assert select_release(store, "horse") is None


def test_a_release_carries_method_scale_scores_and_weights(release, model):
    (published,) = published_releases(Store(release.root), "cow")
    about, files = published.about, bundles.committed(layout.model(model)).files
    assert (about.method, about.scale, about.snapshot) == ("magicpony", "smoke", 1)
    assert about.weights["animal.safetensors"] == files["animal.safetensors"].sha256
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

    class Ours:
        def predict(self, batch):
            return batch

        def render(self, found, size):
            return SimpleNamespace(mask=drawn)

    chosen = publish._chosen(Ours(), Crops(crops, 16, torch.device("cpu")), 3)
    assert chosen.tolist() == [0, 2, 3]


def test_a_release_is_made_once(release, model, crops, monkeypatch):
    monkeypatch.setattr(publish, "_shown", lambda *_: pytest.fail("made again"))
    assert publish.publish.fn(model, crops, ReleaseConfig(), "cpu") == release
