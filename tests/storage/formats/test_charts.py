"""Curves keep their ends, bridge nothing and stay small."""

import re
from math import nan

from storage.formats.charts import HEIGHT, WIDTH, curve


def xy(svg: str) -> list[tuple[str, float, float]]:
    return [(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML])([\d.-]+) ([\d.-]+)", svg)]


def test_a_falling_loss_falls() -> None:
    points = xy(curve([(0, 4.0), (50, 2.0), (100, 1.0)]))
    assert [x for _, x, _ in points] == [0, WIDTH / 2, WIDTH]
    assert points[0][2] < points[1][2] < points[2][2] <= HEIGHT


def test_a_missing_value_leaves_a_gap() -> None:
    assert "".join(pen for pen, _, _ in xy(curve([(0, 1.0), (1, 2.0), (2, nan), (3, 1.0), (4, 3.0)]))) == "MLML"


def test_a_long_run_is_thinned_and_ends_where_it_ended() -> None:
    svg = curve([(step, 1 / (1 + step)) for step in range(100_000)])
    assert len(svg) < 6000
    assert xy(svg)[-1][1] == WIDTH


def test_a_constant_or_empty_curve_is_drawn_flat() -> None:
    assert len({y for _, _, y in xy(curve([(0, 2.0), (1, 2.0)]))}) == 1
    assert xy(curve([(0, nan), (1, nan)])) == []
