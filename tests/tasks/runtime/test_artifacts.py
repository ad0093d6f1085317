import base64
import io

import numpy as np
import pytest
from PIL import Image

from tasks.runtime import artifacts


def picture(text):
    data = base64.b64decode(text.removeprefix("![](data:image/jpeg;base64,").removesuffix(")"))
    return data, np.asarray(Image.open(io.BytesIO(data)))


def test_an_inline_picture_is_a_jpeg_in_markdown():
    grey = np.full((20, 30, 3), 128, np.uint8)
    _, pixels = picture(artifacts.inline(grey))
    assert pixels.shape == (20, 30, 3) and abs(int(pixels.mean()) - 128) < 3


def test_a_large_one_is_made_small_enough():
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3)).astype(np.uint8)
    data, pixels = picture(artifacts.inline(noise))
    assert len(data) < artifacts.MOST_BYTES and pixels.shape[0] in (1000, 2000)


def test_nothing_is_said_of_nothing():
    assert artifacts.inline(artifacts.sheet([])) == "*none*"


def test_a_sheet_stops_at_the_most_pictures():
    small = np.zeros((8, 8, 3), np.uint8)
    assert (
        artifacts.sheet([(small, "x")] * 100).shape == artifacts.sheet([(small, "x")] * artifacts.MOST_PICTURES).shape
    )


def test_counts_go_in_come_out_and_say_why():
    rows = artifacts.counts(8, 5, {"blank": 2, "border": 1})
    assert [(row["what"], row["count"]) for row in rows] == [
        ("in", 8), ("dropped: blank", 2), ("dropped: border", 1), ("out", 5),
    ]  # fmt: skip
    assert rows[-1]["share"] == "62.5%"


@pytest.fixture
def server(monkeypatch):
    """What the server is told, at a time that stands still."""
    told = []
    monkeypatch.setattr(artifacts, "tracked", lambda: True)
    monkeypatch.setattr(artifacts, "create_progress_artifact", lambda progress, description: "bar")
    monkeypatch.setattr(artifacts, "update_progress_artifact", lambda bar, progress: told.append(progress))
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda rows, key, description: told.append(key))
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: 0.0)
    return told


def test_progress_is_told_every_two_seconds_and_at_the_end(server, monkeypatch):
    bar = artifacts.Progress(4, "x")
    bar.at(1)
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: 2.5)
    bar.at(2)
    bar.at(3)
    bar.at(4)
    assert server == [50.0, 100.0]


def test_keys_have_no_underscore(server):
    artifacts.table("losses-red_panda", [], "x")
    assert server == ["losses-red-panda"]


def test_outside_of_a_run_nobody_is_told():
    artifacts.Progress(2, "x").at(2)
    artifacts.table("key", [], "x")
    artifacts.page("key", "text", "x")
