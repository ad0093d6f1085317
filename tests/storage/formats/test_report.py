"""The page shows what it is given, and nothing it is given can act or call home."""

import re
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest

from storage.formats.glb import glb
from storage.formats.pictures import png
from storage.formats.report import Cell, Picture, Report, page, rows
from storage.runs.scores import Score
from tests.storage.tube import Tube, tube


def score(metric: str, method: str, mean: float, better: str = "higher") -> Score:
    names = {"metric": metric, "method": method, "better": better, "unit": "%", "protocol": f"how {metric} is made"}
    return Score.model_validate(names | {"mean": mean, "spread": 1.0, "count": 7})


TABLE = [score("IoU", "ours", 77.25), score("IoU", "sphere", 60), score("error", "ours", 0.5, "lower")]
DOT = png(np.zeros((2, 2, 3), np.uint8))


@pytest.fixture
def rigged() -> Tube:
    return tube()


@pytest.fixture
def full(rigged: Tube) -> str:
    return page(
        Report(
            title="A <cow>",
            summary="</script><script>alert(1)</script>",
            films=[Picture('"><img src=x onerror=alert(1)>', DOT, "png", wide=True), Picture("walk", DOT, "webp")],
            table=TABLE,
            curves={"loss": [(0, 2.0), (10, 1.0)], "one": [(0, 1.0)]},
            sheets=[Picture("dropped: border", DOT, "png")],
            models={"brown & white": glb(rigged)},
            lineage={"generator": "<script>"},
        )
    )


class Outline(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_nothing_comes_from_elsewhere(full: str) -> None:
    outline = Outline(full)
    sources = [value for _, attributes in outline.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(sources) == 3
    assert all(source.startswith("data:image/") for source in sources)
    assert any("default-src 'none'" in meta.get("content", "") for meta in outline.all("meta"))


def test_nothing_foreign_becomes_markup(full: str) -> None:
    outline = Outline(full)
    assert [script.get("type") for script in outline.all("script")] == ["text/plain", None]
    assert not [attributes for _, attributes in outline.tags if "onerror" in attributes]
    assert "A &lt;cow&gt;" in full


def test_the_models_are_in_the_page(full: str, rigged: Tube) -> None:
    (text,) = re.findall(r'<script type="text/plain" id="glb-1">(.*?)</script>', full)
    assert b64decode(text) == glb(rigged)
    assert Outline(full).all("option")[0]["value"] == "glb-1"


def test_one_value_draws_no_curve(full: str) -> None:
    assert len(Outline(full).all("svg")) == 1


def test_an_empty_report_has_no_empty_parts() -> None:
    text = page(Report("Nothing yet", "no numbers"))
    assert not Outline(text).all("h2")
    assert not Outline(text).all("script")


def test_the_best_of_a_row_is_marked() -> None:
    iou, error = rows(TABLE, ["ours", "sphere"])
    assert [cell.best for cell in iou.cells] == [True, False]
    assert iou.cells[0].mean == "77.2"
    assert error.cells == [Cell("0.5000", "1.0000", best=False), None]


def test_a_row_says_what_it_measures_and_how(full: str) -> None:
    assert "IoU ↑ <small>%</small>" in full and "error ↓" in full
    assert "<dd>how IoU is made; 7 values</dd>" in full
