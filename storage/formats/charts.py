"""A training curve as inline SVG."""

from collections.abc import Sequence
from math import isfinite

WIDTH, HEIGHT, FOOT = 300, 120, 16
MOST = 300
"""Points drawn at most; more are averaged."""


def curve(points: Sequence[tuple[float, float]]) -> str:
    """The line through (step, value), with the ends of both axes; a value that is not finite leaves a gap."""
    points = _thin(points)
    values = [value for _, value in points if isfinite(value)] or [0.0]
    low, high = min(values), max(values)
    first, last = points[0][0], points[-1][0]
    across, up = (last - first) or 1.0, (high - low) or 1.0
    path: list[str] = []
    pen = "M"
    for step, value in points:
        if not isfinite(value):
            pen = "M"
            continue
        path.append(f"{pen}{WIDTH * (step - first) / across:.1f} {4 + (HEIGHT - 8) * (high - value) / up:.1f}")
        pen = "L"
    labels = ((WIDTH, 12, "end", high), (0, HEIGHT - 4, "start", low), (0, HEIGHT + 13, "start", first))
    texts = (*labels, (WIDTH, HEIGHT + 13, "end", last))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" role="img">'
        f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"/><path d="{"".join(path)}"/>'
        + "".join(f'<text x="{x}" y="{y}" text-anchor="{anchor}">{value:.4g}</text>' for x, y, anchor, value in texts)
        + "</svg>"
    )


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `MOST` points: the last step and the mean value of each run of neighbours."""
    run = -(-len(points) // MOST)
    groups = [points[start : start + run] for start in range(0, len(points), run)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
