"""Training curves as inline SVG, with axes; charts.js reads their values under the pointer."""

import json
from collections.abc import Mapping, Sequence
from math import ceil, floor, isfinite, log10

from markupsafe import Markup, escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 66, 348, 10, 168
MOST = 200
"""Points drawn at most; more are averaged."""
FEWEST_SMOOTHED = 12
"""Points from which on their running mean is drawn over them."""


def curve(name: str, series: Mapping[str, Points]) -> Markup:
    """The values of one quantity over the steps, one line a run; a value that is not finite leaves a gap.

    Each run needs two points. A long one has its running mean over the reports themselves.
    """
    thin = {run: _thin(points) for run, points in series.items()}
    steps = [step for points in thin.values() for step, _ in points]
    values = [value for points in thin.values() for _, value in points if isfinite(value)] or [0.0]
    first, last = min(steps), max(steps)
    marks = ticks(min(values), max(values))
    low, high = min(marks[0], min(values)), max(marks[-1], max(values))
    frame = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "first": first}
    frame |= {"last": last if last > first else first + 1.0, "low": low, "high": high}
    lines = "".join(_line(points, frame, number) for number, points in enumerate(thin.values(), 1))
    said = escape(f"{name}: {'; '.join(_in_words(run, points) for run, points in thin.items())}")
    data = escape(json.dumps(frame | {"series": [_plain(run, points) for run, points in thin.items()]}))
    return Markup(  # noqa: S704 - all that is foreign was escaped
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" aria-label="{said}" data-curve="{data}">'
        f"{_axes(name, marks, frame)}{lines}<g class='marks'></g></svg>"
    )


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` round numbers at even distances, the outer ones at or beyond both ends where there is room."""
    if high <= low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    power = 10 ** floor(log10((high - low) / most))
    distances = (power * factor for factor in (1, 2, 2.5, 5, 10, 20, 25, 50))
    distance = next(each for each in distances if ceil(high / each) - floor(low / each) < most)
    return [distance * count for count in range(floor(low / distance), ceil(high / distance) + 1)]


def _axes(name: str, marks: Sequence[float], frame: Mapping[str, float]) -> str:
    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:.6g}</text>'
        for mark in marks
        if TOP - 0.1 <= (y := _down(mark, frame)) <= BOTTOM + 0.1
    ]
    first, last = frame["first"], frame["last"]
    between = [step for step in ticks(first, last, 4) if first < step < last]
    clear = [step for step in between if min(step - first, last - step) > (last - first) / 8]
    for step in (first, *clear, last):
        x = LEFT + (RIGHT - LEFT) * (step - first) / (last - first)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 4}"/>')
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 17}" text-anchor="middle">{step:.6g}</text>')
    middle = (TOP + BOTTOM) / 2
    return (
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'
        f'<line x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{BOTTOM}"/>{"".join(parts)}'
        f'<text x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">optimiser step</text>'
        f'<text x="10" y="{middle}" transform="rotate(-90 10 {middle})" text-anchor="middle">{escape(name)}</text>'
    )


def _line(points: Points, frame: Mapping[str, float], number: int) -> str:
    """The reports; where they are many, faint, under their running mean."""
    if len(points) < FEWEST_SMOOTHED:
        return f'<path class="run-{number}" d="{_path(points, frame)}"/>'
    smooth = running_mean(points, len(points) // 8)
    faint, bold = _path(points, frame), _path(smooth, frame)
    return f'<path class="run-{number} faint" d="{faint}"/><path class="run-{number}" d="{bold}"/>'


def _path(points: Points, frame: Mapping[str, float]) -> str:
    path: list[str] = []
    pen = "M"
    for step, value in points:
        if not isfinite(value):
            pen = "M"
            continue
        x = LEFT + (RIGHT - LEFT) * (step - frame["first"]) / (frame["last"] - frame["first"])
        path.append(f"{pen}{x:.1f} {_down(value, frame):.1f}")
        pen = "L"
    return "".join(path)


def _down(value: float, frame: Mapping[str, float]) -> float:
    return TOP + (BOTTOM - TOP) * (frame["high"] - value) / (frame["high"] - frame["low"])


def running_mean(points: Points, reach: int) -> Points:
    """Each value's mean with as many neighbours on both sides: up to `reach`, fewer at the ends."""
    means: list[tuple[float, float]] = []
    for index, (step, value) in enumerate(points):
        side = min(reach, index, len(points) - 1 - index)
        near = [v for _, v in points[index - side : index + side + 1] if isfinite(v)]
        means.append((step, sum(near) / len(near) if isfinite(value) else value))
    return means


def _in_words(run: str, points: Points) -> str:
    finite = [(step, value) for step, value in points if isfinite(value)]
    if not finite:
        return f"{run} never finite".strip()
    (first, start), (last, end) = finite[0], finite[-1]
    least = min(value for _, value in finite)
    return f"{run} {start:.4g} at step {first:g}, {end:.4g} at step {last:g}, least {least:.4g}".strip()


def _plain(run: str, points: Points) -> dict[str, object]:
    values = [[step, float(f"{value:.5g}") if isfinite(value) else None] for step, value in points]
    return {"name": run, "points": values}


def _thin(points: Points) -> Points:
    """At most `MOST` points: the last step and the mean value of each run of neighbours."""
    length = -(-len(points) // MOST)
    groups = [points[start : start + length] for start in range(0, len(points), length)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
