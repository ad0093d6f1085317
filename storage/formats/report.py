"""The page that shows a release to a person: one HTML file that needs no network."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from storage.formats.charts import curve
from storage.runs.scores import Score


@dataclass(frozen=True)
class Picture:
    """An encoded picture or film and what it shows."""

    caption: str
    data: bytes
    kind: Literal["png", "jpeg", "gif", "webp"]
    wide: bool = False
    """Has a row of its own."""

    @property
    def url(self) -> str:
        """The picture itself as an address."""
        return f"data:image/{self.kind};base64,{_base64(self.data)}"


@dataclass(frozen=True)
class Report:
    """All that the page shows; an empty part leaves no trace."""

    title: str
    summary: str
    films: Sequence[Picture] = ()
    table: Sequence[Score] = ()
    """The first method is ours."""
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict[str, Any])
    """Name: (step, value) in order."""
    sheets: Sequence[Picture] = ()
    models: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Name: GLB."""
    lineage: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Cell:
    """One number of the table as it is shown."""

    mean: str
    spread: str
    best: bool


@dataclass(frozen=True)
class Row:
    """One metric of the table."""

    first: Score
    """Says what is measured, and how."""
    cells: list[Cell | None]
    """One for each method; None where it was not measured."""


def page(report: Report) -> str:
    """The whole page. Everything foreign is escaped, and the page forbids itself any connection."""
    environment: Any = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["base64"] = _base64
    folder = files("storage.formats")
    methods = list(dict.fromkeys(score.method for score in report.table))
    return environment.from_string(folder.joinpath("report.html").read_text("utf-8")).render(
        report=report,
        methods=methods,
        rows=rows(report.table, methods),
        curves=[(name, Markup(curve(points))) for name, points in report.curves.items() if len(points) > 1],  # noqa: S704
        viewer=Markup(folder.joinpath("viewer.js").read_text("utf-8")),  # noqa: S704
    )


def rows(table: Sequence[Score], methods: Sequence[str]) -> list[Row]:
    """One row per metric with a cell per method; the best cells are marked."""
    metrics = list(dict.fromkeys(score.metric for score in table))
    return [_row([score for score in table if score.metric == metric], methods) for metric in metrics]


def _row(scores: Sequence[Score], methods: Sequence[str]) -> Row:
    by_method = {score.method: score for score in scores}
    means = [score.mean for score in scores]
    best = max(means) if scores[0].better == "higher" else min(means)
    digits = _digits(max(abs(mean) for mean in means))
    marked = best if min(means) < max(means) else None
    cells = [_cell(by_method[m], digits, marked) if m in by_method else None for m in methods]
    return Row(scores[0], cells)


def _cell(score: Score, digits: int, best: float | None) -> Cell:
    return Cell(f"{score.mean:.{digits}f}", f"{score.spread:.{digits}f}", score.mean == best)


def _digits(largest: float) -> int:
    """Decimals that give the largest number of a row three significant digits or four."""
    return 1 if largest >= 10 or largest == 0 else 2 if largest >= 1 else 4


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
