"""The pages in a real browser: the animal is drawn, dressed and turned, and everybody can use them, on a phone too.

Needs Debian's chromium; accessibility is judged by axe-core from npm.
"""

from io import BytesIO
from itertools import product

import numpy as np
import pytest
from PIL import Image

from benchmarks.browser import COMMAND, NO_WEBGL, SOFTWARE_GL, browser, find_axe
from storage.formats.glb import glb
from storage.formats.pictures import png
from storage.formats.report import Picture, Report, comparison_page, page
from storage.runs.scores import START, Score
from tests.storage.tube import tube

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not COMMAND, reason="there is no Chromium: apt-get install chromium"),
]
NAMES = {"unit": "%", "protocol": "input view", "spread": 1.0, "count": 7}
SCORES = [
    Score.model_validate(NAMES | {"metric": metric, "method": method, "mean": mean, "better": better})
    for (metric, better), (method, mean) in product(
        (("mask IoU", "higher"), ("Chamfer distance", "lower")),
        (("run", 77.0), (START, 60.0), ("unit sphere", 20.0), ("mean ellipsoid", 21.0), ("mean mesh", 22.0)),
    )
]
DOT = Picture("the animal walks", png(np.zeros((64, 64, 3), np.uint8)), "png")
REPORT = Report(
    title="cow, run farm3d-laptop-0123456789abcdef",
    summary="A 3D model of one kind of animal.",
    films=[DOT],
    strip=DOT,
    measured="Measured on animals.",
    table=SCORES,
    curves={"loss": [(step, 1 / step) for step in range(10, 400, 10)], "mask": [(10, 2.0), (20, 1.0)]},
    sheets=[DOT],
    kept=5,
    dropped={"border": 1},
    models={"cow-1": glb(tube()), "cow-2": glb(tube())},
    lineage={"run": "farm3d-laptop-0123456789abcdef", "masks": "pointrend"},
)
WINDOWS = [(1280, 800, "light"), (1280, 800, "dark"), (390, 844, "light"), (390, 844, "dark")]
DRAWN = "[...document.querySelectorAll('.viewer')].every(view => view.dataset.state)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    (folder / "one.html").write_text(page(REPORT))
    (folder / "two.html").write_text(comparison_page(REPORT, REPORT))
    return folder


@pytest.fixture(scope="module")
def tab():
    with browser(*SOFTWARE_GL) as opened:
        yield opened


@pytest.fixture
def still(tab, pages):
    """The page of one run with its clip and the turning of its camera stopped."""
    tab.open(pages / "one.html")
    tab.wait(DRAWN)
    tab.evaluate("document.querySelector('[name=pause]').click()")
    tab.evaluate("document.querySelector('canvas').scrollIntoView()")
    return tab


def view(tab):
    """Pixels of the window once everything has been drawn."""
    tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return np.asarray(Image.open(BytesIO(tab.picture())).convert("RGB")).astype(int)


def choose(tab, control, value):
    tab.evaluate(
        f"for (const c of [document.querySelector('[name={control}]')]) {{ c.value = '{value}'; "
        "c.dispatchEvent(new Event('input')); c.dispatchEvent(new Event('change')) }"
    )


def change(tab, before):
    return np.abs(view(tab) - before).max(-1) > 24


def test_the_animal_is_drawn_and_nothing_complains_or_asks_for_anything(still):
    pixels = view(still)
    assert still.evaluate("document.querySelector('.viewer').dataset.state") == "drawn"
    assert np.ptp(pixels[:400, 300:900].reshape(-1, 3), axis=0).max() > 100
    assert still.complaints() == []
    assert {address.split(":")[0] for address in still.requests()} <= {"file", "data", "blob"}


def test_every_clip_of_the_file_can_be_chosen(still):
    clips = still.evaluate("[...document.querySelector('[name=motion]').options].map(option => option.value)")
    assert clips == [*(name for name in tube().clips if not name.endswith("_forward")), ""]
    before = view(still)
    choose(still, "motion", "")
    assert change(still, before).sum() > 50


@pytest.mark.parametrize("control", ["bones", "wireframe", "texture"])
def test_a_switch_changes_the_picture_and_back(still, control):
    before = view(still)
    still.evaluate(f"document.querySelector('[name={control}]').click()")
    assert change(still, before)[:, 100:1180].sum() > 50
    still.evaluate(f"document.querySelector('[name={control}]').click()")
    assert change(still, before)[:, 100:1180].sum() < 50


def test_lamps_and_their_direction_change_the_light(still):
    for control, value in (("lamp", "evening"), ("direction", "-120")):
        before = view(still)
        choose(still, control, value)
        assert change(still, before).sum() > 200, control


def test_the_view_is_turned_by_keys_and_by_the_mouse(still):
    before = view(still)
    still.evaluate("document.querySelector('canvas').focus()")
    still.press("ArrowLeft")
    turned = view(still)
    assert (np.abs(turned - before).max(-1) > 24).sum() > 200
    still.drag((500, 200), (700, 260))
    assert change(still, turned).sum() > 200


def test_a_curve_says_its_values_under_the_pointer_and_at_the_keys(still):
    reading = "document.querySelector('.curve .reading').textContent"
    still.evaluate("document.querySelector('.curve svg').focus()")
    still.press("End")
    assert still.evaluate(reading) == "step 390: 0.002564"
    still.press("ArrowLeft")
    assert still.evaluate(reading) == "step 380: 0.002632"
    still.evaluate("document.activeElement.blur(); document.querySelector('.curve').scrollIntoView()")
    assert still.evaluate(reading) == ""
    x, y = still.evaluate(
        "(b => [b.left + b.width * 0.18, b.top + 20])(document.querySelector('.curve svg').getBoundingClientRect())"
    )
    still.point(x, y)
    assert still.evaluate(reading) == "step 10: 0.1"


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: f"{window[0]}-{window[2]}")
@pytest.mark.parametrize("name", ["one", "two"])
def test_everybody_can_use_it_in_every_window(tab, pages, name, window):
    axe = find_axe()
    tab.open(pages / f"{name}.html", *window)
    tab.wait(DRAWN)
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert tab.complaints() == []
    if axe is None:
        pytest.skip("no axe-core: npm install axe-core@4.14.1, and set NODE_PATH")
    assert tab.violations(axe) == []


def test_without_webgl_it_says_so_and_shows_pictures(pages):
    with browser(*NO_WEBGL) as tab:
        tab.open(pages / "one.html")
        tab.wait(DRAWN)
        assert tab.evaluate("document.querySelector('.viewer').dataset.state") == "pictures"
        message = tab.evaluate("document.querySelector('.viewer .message').innerText")
        assert "This browser has no WebGL 2" in message and "pictures" in message
        assert tab.evaluate("document.querySelectorAll('.viewer .message img').length") == len(REPORT.films)
        assert tab.evaluate("[...document.querySelectorAll('.controls [name]:not(:disabled)')].map(c => c.name)") == [
            "model", "download",
        ]  # fmt: skip
        assert tab.complaints() == []
