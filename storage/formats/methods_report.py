"""The page that shows several methods beside each other: what each gives, what it takes, numbers, pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from storage.formats.number_table import numbers_of_methods
from storage.formats.report import Picture, render_page
from storage.runs.scores import Score


@dataclass(frozen=True)
class MethodsReport:
    """All that the page shows; an empty part leaves no trace."""

    title: str
    summary: str
    methods: Sequence[str]
    """Names of the columns that the page is about."""
    facts: Sequence[Mapping[str, str]]
    """What each method gives and takes: rows with the key `what` and one for each method."""
    costs: str
    """How seconds and memory were measured."""
    measured: str
    """What the numbers were measured on."""
    table: Sequence[Score]
    strips: Sequence[Picture] = ()
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    """Methods that could not be asked, and why."""
    runs: Mapping[str, str] = field(default_factory=dict[str, str])
    """The run of each method."""


def methods_page(report: MethodsReport) -> str:
    """The whole page. Everything foreign is escaped, and the page forbids itself any connection."""
    numbers = numbers_of_methods(report.table, report.methods)
    return render_page("methods.html", report=report, title=report.title, numbers=numbers, has_models=False, curves=[])
