"""The page that shows a release to a person: one HTML file that needs no network."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from storage.formats.charts import curve


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
    table: Sequence[Mapping[str, Any]] = ()
    """Records of metric, unit, better, method, mean, spread, count, protocol; the first method is ours."""
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict[str, Any])
    """Name: (step, value) in order."""
    sheets: Sequence[Picture] = ()
    models: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Name: GLB."""
    lineage: Mapping[str, str] = field(default_factory=dict[str, str])


def page(report: Report) -> str:
    """The whole page. Everything foreign is escaped, and the page forbids itself any connection."""
    environment: Any = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["base64"] = _base64
    folder = files("storage.formats")
    methods = list(dict.fromkeys(record["method"] for record in report.table))
    return environment.from_string(folder.joinpath("report.html").read_text("utf-8")).render(
        report=report,
        methods=methods,
        rows=rows(report.table, methods),
        curves=[(name, Markup(curve(points))) for name, points in report.curves.items() if len(points) > 1],  # noqa: S704
        viewer=Markup(folder.joinpath("viewer.js").read_text("utf-8")),  # noqa: S704
    )


def rows(table: Sequence[Mapping[str, Any]], methods: Sequence[str]) -> list[dict[str, Any]]:
    """One row per metric with a cell per method, None where it was not measured; the best cells are marked."""
    metrics = list(dict.fromkeys(record["metric"] for record in table))
    return [_row([record for record in table if record["metric"] == metric], methods) for metric in metrics]


def _row(records: Sequence[Mapping[str, Any]], methods: Sequence[str]) -> dict[str, Any]:
    found = {record["method"]: record for record in records}
    means = [record["mean"] for record in records]
    best = max(means) if records[0]["better"] == "higher" else min(means)
    digits = _digits(max(abs(mean) for mean in means))
    cells = [
        _cell(found[m], digits, best if min(means) < max(means) else None) if m in found else None for m in methods
    ]
    first = {key: records[0][key] for key in ("metric", "unit", "better", "protocol", "count")}
    return first | {"cells": cells}


def _cell(record: Mapping[str, Any], digits: int, best: float | None) -> dict[str, Any]:
    shown = {key: f"{record[key]:.{digits}f}" for key in ("mean", "spread")}
    return shown | {"best": record["mean"] == best}


def _digits(largest: float) -> int:
    """Decimals that give the largest number of a row three significant digits or four."""
    return 1 if largest >= 10 or largest == 0 else 2 if largest >= 1 else 4


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
