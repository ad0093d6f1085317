"""The page shows what it is given, and nothing it is given can act or call home."""

import hashlib
import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from storage.formats.glb import glb
from storage.formats.pictures import png
from storage.formats.report import Picture, Report, comparison_page, page
from storage.runs.scores import START, Score
from tests.storage.tube import Tube, tube

ROOT = Path(__file__).resolve().parents[3]


def score(metric: str, method: str, mean: float, better: str = "higher") -> Score:
    names = {"metric": metric, "method": method, "better": better, "unit": "%", "protocol": f"how {metric} is made"}
    return Score.model_validate(names | {"mean": mean, "spread": 1.0, "count": 7})


TABLE = [score("IoU", "ours", 77.25), score("IoU", START, 60), score("<i>error</i>", "ours", 0.5, "lower")]
DOT = png(np.zeros((2, 2, 3), np.uint8))
HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def rigged() -> Tube:
    return tube()


@pytest.fixture
def report(rigged: Tube) -> Report:
    return Report(
        title="A <cow>",
        summary=HOSTILE,
        films=[Picture('"><img src=x onerror=alert(1)>', DOT, "png"), Picture("walk", DOT, "webp", "an animal walks")],
        strip=Picture("photo, reconstruction", DOT, "jpeg"),
        measured="Measured on animals.",
        table=TABLE,
        curves={HOSTILE: [(0, 2.0), (10, 1.0)], "one": [(0, 1.0)]},
        sheets=[Picture("dropped: border", DOT, "png")],
        kept=6,
        dropped={"<b>blank</b>": 3, "border": 1},
        models={"brown & white": glb(rigged)},
        lineage={"generator": "<script>", HOSTILE: "x"},
    )


class Outline(HTMLParser):
    """Every tag with its attributes, and all text outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.words.append(data.strip())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_nothing_comes_from_elsewhere(report: Report) -> None:
    for text in (page(report), comparison_page(report, report)):
        outline = Outline(text)
        addresses = [value for _, tag in outline.tags for key, value in tag.items() if key in ("src", "href", "srcset")]
        assert len(addresses) >= 4
        assert all(address.startswith(("data:image/", "#")) for address in addresses)
        (policy,) = [meta["content"] for meta in outline.all("meta") if "http-equiv" in meta]
        assert "default-src 'none'" in policy and "http" not in policy and "*" not in policy


def test_nothing_foreign_becomes_markup(report: Report) -> None:
    for text, models in ((page(report), 1), (comparison_page(report, report), 2)):
        outline = Outline(text)
        assert [tag.get("type") for tag in outline.all("script")] == ["text/plain"] * models + [None, None]
        assert not [tag for _, tag in outline.tags if "onerror" in tag]
        assert not outline.all("i") and not outline.all("b")
        assert "A &lt;cow&gt;" in text and "alert(1)" in " ".join(outline.words)


def test_the_models_are_in_the_page(report: Report, rigged: Tube) -> None:
    (text,) = re.findall(r'<script type="text/plain" id="glb-1">(.*?)</script>', page(report))
    assert b64decode(text) == glb(rigged)
    assert Outline(page(report)).all("option")[0]["value"] == "glb-1"


def test_every_control_and_picture_has_a_name_and_every_id_is_its_own(report: Report) -> None:
    for text in (page(report), comparison_page(report, report)):
        outline = Outline(text)
        names = [tag["id"] for _, tag in outline.tags if "id" in tag]
        assert len(names) == len(set(names))
        assert all(tag["alt"] for tag in outline.all("img"))
        targets = {tag["href"].removeprefix("#") for tag in outline.all("a")}
        assert targets <= set(names)
    assert "an animal walks" in [tag["alt"] for tag in outline.all("img")]


def test_one_value_draws_no_curve(report: Report) -> None:
    assert len(Outline(page(report)).all("svg")) == 1
    assert not Outline(page(replace(report, curves={"one": [(0, 1.0)]}))).all("svg")


def test_an_empty_report_has_no_empty_parts() -> None:
    empty = Report("Nothing yet", "no numbers")
    for text in (page(empty), comparison_page(empty, empty)):
        outline = Outline(text)
        assert not [name for name in ("h2", "script", "table", "nav") if outline.all(name)]


def test_a_row_says_what_it_measures_in_which_unit_and_how(report: Report) -> None:
    text = page(report)
    assert 'IoU <span aria-hidden="true">↑</span> <small>%</small>' in text and ">↓</span>" in text
    assert "<dd>how IoU is made; 7 values; higher is better</dd>" in text
    assert "Training made 1 of 1 numbers better than at its start" in text and f">{START}</th>" in text


def test_the_reasons_of_what_was_dropped_have_their_shares(report: Report) -> None:
    text = page(report)
    assert "6 of 10 pictures were kept" in text
    assert "<td>3</td><td>30.0 %</td>" in text and "&lt;b&gt;blank&lt;/b&gt;" in text


def test_two_runs_are_told_apart_and_what_differs_is_marked(report: Report) -> None:
    other = replace(report, title="Another", table=[], models={}, lineage={"generator": "noise"}, films=())
    text = comparison_page(report, other)
    assert "A &lt;cow&gt;, beside Another" in text
    assert '<td class="best">&lt;script&gt;</td><td class="best">noise</td>' in text
    assert [tag["id"] for tag in Outline(text).all("script") if "id" in tag] == ["a-glb-1"]
    same = comparison_page(report, report)
    assert "<td>&lt;script&gt;</td><td>&lt;script&gt;</td>" in same
    assert same.count('class="run-1"') == same.count('class="run-2"') == 1


def test_the_viewer_in_the_page_is_built_from_its_source_and_keeps_the_licence() -> None:
    bundle = files("storage.formats").joinpath("page", "viewer.min.js").read_text("utf-8")
    source = hashlib.sha256((ROOT / "viewer" / "viewer.js").read_bytes()).hexdigest()
    version = json.loads((ROOT / "viewer" / "package.json").read_text())["dependencies"]["three"]
    assert f"sha256 {source}, with three.js {version}:" in bundle, "type `npm ci && npm run build` in viewer/"
    assert "Permission is hereby granted, free of charge" in bundle and "three.js authors" in bundle
    assert len(bundle) < 2_000_000 and "</script" not in bundle and "<!--" not in bundle
