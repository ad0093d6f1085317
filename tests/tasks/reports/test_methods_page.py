"""What was measured stands in the page and in the UI, and strips have every method below the truth."""

import json
from dataclasses import replace
from math import pi

import numpy as np
import pytest
import torch

from models.data.batch import Batch
from models.truth.examples import Example, NovelView
from storage.runs.scores import Score
from storage.store import bundles
from storage.store.references import Record
from tasks.reports import methods_page
from tasks.reports.methods_page import COLUMNS, PAGE, Comparison, comparison_files, draw_strips, show_comparison
from tasks.runtime.cost import Cost
from tests.toy_methods.echo import Echo

SIZE = 16


def score(method, mean):
    names = {"metric": "mask IoU", "unit": "%", "better": "higher", "protocol": "input view"}
    return Score.model_validate(names | {"method": method, "mean": mean, "spread": 1, "count": 3})


COMPARISON = Comparison(
    category="cow",
    runs={"farm3d": "farm3d-laptop-01", "echo": "echo-laptop-02"},
    left_out={"lost": "its weights are gone"},
    measured_on="barnyard animals",
    scores=[score("farm3d", 90), score("echo", 70), score("unit sphere", 60)],
    abilities={"farm3d": {"mesh": True, "pose": True}, "echo": {"mesh": False, "pose": False}},
    costs={"farm3d": Cost(0.123, 500, 300), "echo": Cost(0.004, 310, 300)},
    strips=[np.full((20, 30, 3), 200, np.uint8)] * 2,
)


@pytest.fixture
def example():
    """A red photo whose left half is the animal, and its blue back."""
    image, mask = torch.zeros(1, SIZE, SIZE, 3), torch.zeros(1, SIZE, SIZE)
    image[..., 0], mask[..., : SIZE // 2] = 1, 1
    back = torch.zeros(SIZE, SIZE, 3)
    back[..., 2] = 1
    one = torch.tensor([0])
    crop = Batch(image, mask, torch.ones_like(mask), None, view=one, index=one)
    return Example("a", crop, turned=(NovelView(pi, back, torch.ones(SIZE, SIZE)),))


def test_every_answer_stands_below_the_truth_in_the_same_columns(example):
    answers = {"echo": Echo().predict(example.crop), "other": Echo().predict(example.crop)}
    (sheet,) = draw_strips(answers, example.crop, [example], 8)
    left, (top, step) = sheet.shape[1] - 8 * len(COLUMNS), (16, 10)
    panel = {
        (row, column): sheet[top + row * step : top + row * step + 8, left + 8 * column : left + 8 * column + 8]
        for row in range(3)
        for column in range(len(COLUMNS))
    }
    assert (panel[0, 0] == (255, 0, 0)).all() and (panel[1, 0] == panel[0, 0]).all()
    assert (panel[0, 1][:, :3] == (255, 0, 0)).all() and (panel[0, 1][:, -3:] == 255).all()
    assert (panel[0, 4] == (0, 0, 255)).all() and (panel[0, 3] == 255).all()
    assert (panel[1, 1] == panel[2, 1]).all() and (panel[1, 1][:, :3] == (255, 0, 0)).all()


def test_photos_without_truth_have_no_row_of_it(example):
    (sheet,) = draw_strips({"echo": Echo().predict(example.crop)}, example.crop, [replace(example, turned=())], 8)
    assert sheet.shape[0] == 16 + 10


def test_the_page_has_what_each_gives_and_takes_and_who_is_left_out():
    files = comparison_files(COMPARISON)
    text = files[PAGE].decode()
    assert {"strip-1.jpg", "strip-2.jpg", "scores.json", "facts.json", PAGE} == files.keys()
    assert "lost is left out: its weights are gone" in text and "of a core" in text
    facts = {row["what"]: row for row in json.loads(files["facts.json"])["facts"]}
    assert facts["mesh"] == {"what": "mesh", "farm3d": "yes", "echo": "–"}
    assert facts["seconds a photo"]["farm3d"] == "0.12"
    assert facts["memory, MB (of which before the model)"]["echo"] == "310 (300)"
    on_gpu = replace(COMPARISON, costs={name: Cost(1, 500, 300, 77) for name in COMPARISON.costs})
    assert "memory of the GPU, MB" in comparison_files(on_gpu)[PAGE].decode()


def test_the_ui_has_the_table_and_as_many_strips_as_it_can_hold(tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(methods_page.artifacts, "table", lambda key, rows, text: shown.update({key: (rows, text)}))
    monkeypatch.setattr(methods_page.artifacts, "page", lambda key, text, about: shown.update({key: text}))
    bundles.commit(str(tmp_path), comparison_files(COMPARISON), Record())
    show_comparison(str(tmp_path), "cow")
    rows, text = shown["scores-compare-cow"]
    assert rows[0]["farm3d"] == 90 and rows[0]["unit sphere"] == 60 and text == "measured on barnyard animals"
    assert shown["compare-cow"].count("data:image/jpeg") == 2 and "| mesh | yes | – |" in shown["compare-cow"]
    monkeypatch.setattr(methods_page, "SHOWN_BYTES", 1)
    show_comparison(str(tmp_path), "cow")
    assert shown["compare-cow"].count("data:image/jpeg") == 0
