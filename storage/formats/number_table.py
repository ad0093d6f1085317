"""The table of a report's numbers: a row for each metric, columns for runs, their starts and baselines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from storage.runs.scores import START, Score

Verdict = Literal["better", "worse", "same"]


@dataclass(frozen=True)
class Cell:
    """One number as it is shown."""

    text: str
    spread: str = ""
    best: bool = False
    verdict: Verdict | None = None
    """Of a change: whether it is one for the better."""


@dataclass(frozen=True)
class Row:
    """One metric."""

    first: Score
    """Says what is measured, and how."""
    cells: list[Cell | None]
    """One for each column; None where it was not measured."""


@dataclass(frozen=True)
class Column:
    """What stands over a column, and whether it is of a run that the page is about."""

    name: str
    own: bool = False


@dataclass(frozen=True)
class Numbers:
    """The whole table."""

    columns: list[Column]
    rows: list[Row]


def numbers_of_run(table: Sequence[Score]) -> Numbers:
    """The run, its start, the change between them, then the baselines. The table's first method is the run."""
    methods = list(dict.fromkeys(score.method for score in table))
    if not methods:
        return Numbers([], [])
    run, *others = methods
    baselines = {method: method.replace(run, "this run") for method in others if method != START}
    change = (run, START) if START in others else None
    return _numbers(table, {run: "this run", **({START: START} if change else {})}, change, baselines)


def numbers_of_methods(table: Sequence[Score], methods: Sequence[str]) -> Numbers:
    """These methods, then their starts and the baselines."""
    others = [method for method in dict.fromkeys(score.method for score in table) if method not in methods]
    return _numbers(table, {name: name for name in methods}, None, {name: name for name in others})


def compare_numbers(
    first: Sequence[Score], second: Sequence[Score], measured: tuple[str, str]
) -> tuple[Numbers, list[str]]:
    """Run A, run B, the change from A to B, the starts of both; and what keeps their numbers from being compared."""
    a, b = _of_run(first, "A"), _of_run(second, "B")
    notes: list[str] = []
    same = measured[0] == measured[1]
    if not same:
        notes.append(f"Not to be compared, for A and B were not measured on the same: {measured[0]} {measured[1]}")
    how, counts = (
        {score.metric: (score.unit, score.protocol) for score in a},
        {score.metric: score.count for score in a},
    )
    unlike = sorted({score.metric for score in b if how.get(score.metric, _how(score)) != _how(score)})
    if unlike:
        notes.append(f"Measured in another way in B, so its numbers are left out: {', '.join(unlike)}.")
    b = [score for score in b if score.metric not in unlike]
    if same and any(counts.get(score.metric, score.count) != score.count for score in b):
        notes.append("A and B were not measured on as many examples: small differences mean little.")
    present = {score.method for score in (*a, *b)}
    starts = {start: start for start in ("start of A", "start of B") if start in present}
    names = {run: run for run in ("A", "B") if run in present}
    return _numbers([*a, *b], names, ("B", "A") if same and len(names) == 2 else None, starts), notes


def summarise(numbers: Numbers, sentence: str) -> str:
    """The sentence with the counts of changes for the better, for the worse, of none, and of all; or nothing."""
    verdicts = Counter(cell.verdict for row in numbers.rows for cell in row.cells if cell and cell.verdict)
    counts = {verdict: verdicts[verdict] for verdict in ("better", "same", "worse")}
    return sentence.format(**counts, all=verdicts.total()) if verdicts else ""


def _how(score: Score) -> tuple[str, str]:
    return score.unit, score.protocol


def _of_run(table: Sequence[Score], name: str) -> list[Score]:
    """The scores of the run, which comes first, and of its start, under new names."""
    names = {table[0].method: name, START: f"start of {name}"} if table else {}
    return [score.model_copy(update={"method": names[score.method]}) for score in table if score.method in names]


def _numbers(
    table: Sequence[Score], leading: dict[str, str], change: tuple[str, str] | None, others: dict[str, str]
) -> Numbers:
    own = [method for method in leading if method != START]
    columns = [Column(name, own=method in own) for method, name in leading.items()]
    if change:
        columns.append(Column("change by training" if change[1] == START else f"from {change[1]} to {change[0]}"))
    columns += [Column(name) for name in others.values()]
    metrics = dict.fromkeys(score.metric for score in table)
    rows = (
        _row([score for score in table if score.metric == metric], list(leading), change, list(others))
        for metric in metrics
    )
    return Numbers(columns, list(rows))


def _row(scores: Sequence[Score], leading: Sequence[str], change: tuple[str, str] | None, others: Sequence[str]) -> Row:
    by_method = {score.method: score for score in scores if isfinite(score.mean)}
    digits = _digits(max((abs(score.mean) for score in by_method.values()), default=0.0))
    shown = {method: round(score.mean, digits) for method, score in by_method.items()}
    best = (max if scores[0].better == "higher" else min)(shown.values(), default=0.0)
    marked = best if len(set(shown.values())) > 1 else None

    def cell(method: str) -> Cell | None:
        score = by_method.get(method)
        if score is None:
            return None
        return Cell(f"{score.mean:.{digits}f}", f"{score.spread:.{digits}f}", shown[method] == marked)

    cells = [cell(method) for method in leading]
    if change:
        pair = [by_method.get(method) for method in change]
        cells.append(_change(pair[0], pair[1], digits) if pair[0] and pair[1] else None)
    return Row(scores[0], [*cells, *(cell(method) for method in others)])


def _change(now: Score, before: Score, digits: int) -> Cell:
    """The difference of the numbers as they are shown."""
    difference = round(round(now.mean, digits) - round(before.mean, digits), digits)
    if difference == 0:
        return Cell(f"{0:.{digits}f}", verdict="same")
    better = (difference > 0) == (now.better == "higher")
    return Cell(f"{'▲' if difference > 0 else '▼'} {difference:+.{digits}f}", verdict="better" if better else "worse")


def _digits(largest: float) -> int:
    """Decimals of a row by its largest number: one from 10 on, two from 1 on, else four."""
    return 1 if largest >= 10 or largest == 0 else 2 if largest >= 1 else 4
