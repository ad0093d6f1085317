"""Curves have axes, keep their ends, bridge nothing and stay small."""

import json
import re
from html import unescape
from math import nan
from xml.etree import ElementTree

import pytest

from storage.formats.charts import BOTTOM, LEFT, MOST, RIGHT, TOP, curve, running_mean, ticks


def lines(svg):
    """Pen and place of every point, line by line."""
    return [
        [(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML])([\d.-]+) ([\d.-]+)", path)]
        for path in re.findall(r'<path class="run[^>]* d="([^"]*)"', svg)
    ]


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


def data(svg):
    return json.loads(ElementTree.fromstring(svg).get("data-curve"))


def test_a_falling_loss_falls():
    (points,) = lines(curve("loss", {"": [(0, 4.0), (50, 2.0), (100, 1.0)]}))
    assert [x for _, x, _ in points] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert TOP <= points[0][2] < points[1][2] < points[2][2] <= BOTTOM


def test_both_axes_are_named_and_have_round_numbers_and_the_ends_of_the_run():
    said = texts(curve("mask loss", {"": [(20, 11.7), (400, 13.2)]}))
    assert "optimiser step" in said and "mask loss" in said
    assert {"20", "200", "400"} <= set(said) and {"11.5", "12", "12.5", "13", "13.5"} <= set(said)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (11.7, 13.2), (1e-4, 2.3e-3), (-3.0, 4.0), (0.0, 70_000.0)])
def test_ticks_are_few_even_and_hold_both_ends(low, high):
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 5 and marks[0] <= low + 1e-12 and marks[-1] >= high - 1e-12
    distances = [b - a for a, b in zip(marks, marks[1:], strict=False)]
    assert max(distances) == pytest.approx(min(distances))


def test_a_missing_value_leaves_a_gap_and_is_no_number_for_the_reader():
    svg = curve("loss", {"": [(0, 1.0), (1, 2.0), (2, nan), (3, 1.0), (4, 3.0)]})
    assert "".join(pen for pen, _, _ in lines(svg)[0]) == "MLML"
    assert data(svg)["series"][0]["points"][2] == [2, None] and "NaN" not in svg


def test_a_long_run_is_thinned_and_ends_where_it_ended():
    svg = curve("loss", {"": [(step, 1 / (1 + step)) for step in range(100_000)]})
    assert len(lines(svg)[0]) <= MOST and lines(svg)[0][-1][1] == RIGHT and len(svg) < 20_000


def test_many_reports_are_faint_under_their_running_mean():
    svg = curve("loss", {"": [(step, step % 2) for step in range(40)]})
    faint, bold = lines(svg)
    assert 'class="run-1 faint"' in svg
    assert max(y for *_, y in bold[10:30]) - min(y for *_, y in bold[10:30]) < 0.3 * (BOTTOM - TOP)
    assert max(y for *_, y in faint) - min(y for *_, y in faint) == pytest.approx(BOTTOM - TOP, abs=0.1)


def test_a_running_mean_keeps_lines_and_ends_and_passes_over_what_is_missing():
    line = [(step, 2.0 * step) for step in range(9)]
    assert running_mean(line, 3) == line
    assert running_mean([(0, 1.0), (1, nan), (2, 5.0), (3, 3.0)], 1)[2] == (2, 4.0)


def test_runs_stand_in_one_frame_with_their_names():
    svg = curve("loss", {"A": [(0, 1.0), (10, 2.0)], "B": [(0, 3.0), (20, 4.0)]})
    first, second = lines(svg)
    assert first[-1][1] == (LEFT + RIGHT) / 2 and second[-1][1] == RIGHT
    assert min(y for *_, y in first) > max(y for *_, y in second)
    assert [run["name"] for run in data(svg)["series"]] == ["A", "B"]


def test_a_curve_is_said_in_words_and_foreign_words_stay_words():
    label = re.search('aria-label="([^"]*)"', curve("<b>", {'"x"': [(0, 4.0), (5, 1.0), (9, 2.0)]}))[1]
    assert unescape(label) == '<b>: "x" 4 at step 0, 2 at step 9, least 1'
    assert "<b>" not in curve("<b>", {"": [(0, 1.0), (1, 2.0)]})


def test_a_constant_or_empty_curve_is_drawn_flat():
    assert len({y for _, _, y in lines(curve("loss", {"": [(0, 2.0), (1, 2.0)]}))[0]}) == 1
    empty = curve("loss", {"": [(0, nan), (1, nan)]})
    assert lines(empty) == [[]] and "never finite" in empty
