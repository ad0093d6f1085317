"""The page that shows a release to a person, and the one that shows two side by side: HTML that needs no network."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from storage.formats.charts import curve
from storage.formats.number_table import Numbers, compare_numbers, numbers_of_run, summarise
from storage.runs.scores import Score


@dataclass(frozen=True)
class Picture:
    """An encoded picture or film and what it shows."""

    caption: str
    data: bytes
    kind: Literal["png", "jpeg", "gif", "webp"]
    shows: str = ""
    """What a reader who sees no pictures is told; the caption where it is empty."""

    @property
    def url(self) -> str:
        """The picture itself as an address."""
        return f"data:image/{self.kind};base64,{_base64(self.data)}"

    @property
    def alt(self) -> str:
        """The picture in words."""
        return self.shows or self.caption


@dataclass(frozen=True)
class Report:
    """All that the page shows of one run; an empty part leaves no trace."""

    title: str
    summary: str
    films: Sequence[Picture] = ()
    strip: Picture | None = None
    """Photos beside their reconstructions."""
    cases: Picture | None = None
    """As the strip, of the best and of the worst."""
    measured: str = ""
    """What the numbers were measured on."""
    table: Sequence[Score] = ()
    """The first method is ours."""
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict[str, Any])
    """Name: (step, value) in order."""
    sheets: Sequence[Picture] = ()
    kept: int = 0
    """Pictures it learned from."""
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Pictures that were refused, by the reason."""
    models: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Name: GLB."""
    lineage: Mapping[str, str] = field(default_factory=dict[str, str])


def page(report: Report) -> str:
    """The whole page. Everything foreign is escaped, and the page forbids itself any connection."""
    numbers = numbers_of_run(report.table)
    changes = (
        "Training made {better} of {all} numbers better than at its start, {same} stayed the same, {worse} are worse."
    )
    return render_page(
        "report.html",
        report=report,
        title=report.title,
        numbers=numbers,
        verdict=summarise(numbers, changes),
        has_models=bool(report.models),
        curves=_charts({name: {"": points} for name, points in report.curves.items()}),
    )


def comparison_page(first: Report, second: Report) -> str:
    """Two runs side by side: numbers, pictures, 3D views, curves in one frame, and in what they differ."""
    numbers, notes = compare_numbers(first.table, second.table, (first.measured, second.measured))
    runs = {"A": first, "B": second}
    names = dict.fromkeys([*first.curves, *second.curves])
    return render_page(
        "comparison.html",
        first=first,
        second=second,
        title=f"{first.title}, beside {second.title}",
        numbers=numbers,
        notes=notes,
        verdict=summarise(
            numbers, "B is better than A in {better} of {all} numbers, the same in {same}, worse in {worse}."
        ),
        has_models=bool(first.models or second.models),
        curves=_charts(
            {
                name: {run: report.curves[name] for run, report in runs.items() if name in report.curves}
                for name in names
            }
        ),
        origins=[
            (key, first.lineage.get(key, "–"), second.lineage.get(key, "–"))
            for key in dict.fromkeys([*first.lineage, *second.lineage])
        ],
    )


def _charts(curves: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]]) -> list[tuple[str, Markup]]:
    """The curves that have more than one point."""
    long = {name: {run: some for run, some in series.items() if len(some) > 1} for name, series in curves.items()}
    return [(name, curve(name, series)) for name, series in long.items() if series]


def render_page(template: str, *, numbers: Numbers, curves: list[tuple[str, Markup]], **values: object) -> str:
    """A page of a template in `page/` with these values, and the scripts that it has a use for."""
    environment: Any = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("storage.formats", "page")
    )
    environment.filters["base64"] = _base64
    scripts = {name: _script(file) for name, file in (("viewer", "viewer.min.js"), ("charts", "charts.js"))}
    return environment.get_template(template).render(
        numbers=numbers, curves=curves, has_curves=bool(curves), **scripts, **values
    )


def _script(file: str) -> Markup:
    return Markup(files("storage.formats").joinpath("page", file).read_text("utf-8"))  # noqa: S704 - our own


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
