"""What a person sees while a run goes on: bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable

import httpx
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from flows.cli.console import error_console, is_live, printable
from flows.cli.launcher import ServerDown
from flows.cli.run_progress import RunProgress, StageProgress
from models.engine.progress import duration

POLL_SECONDS = 2.0
LINE_SECONDS = 30.0
PATIENCE_SECONDS = 120.0
"""A busy server may not answer for a while."""
BAR_WIDTH = 20
WAITING = {
    "AwaitingConcurrencySlot": "waits for another run of this animal to end",
    "Pending": "is about to start",
    "Submitting": "is about to start",
    "InfrastructurePending": "is about to start",
    "Scheduled": "waits for the worker",
    "Late": "waits for the worker, which starts runs in their order",
    "Cancelling": "is being stopped",
}


def follow_run(read: Callable[[], RunProgress], title: str, quiet: bool = False) -> RunProgress:
    """Show a run until it is over; how far it was then.

    Raises ServerDown where the server has not answered for two minutes.
    """
    if quiet:
        return _poll(read, lambda _: None)
    if not is_live():
        return _poll(read, Lines(title).show)
    with Live(console=error_console, refresh_per_second=8) as live:
        return _poll(read, lambda progress: live.update(draw_progress(progress, title)))


def _poll(read: Callable[[], RunProgress], show: Callable[[RunProgress], object]) -> RunProgress:
    heard = time.monotonic()
    while True:
        try:
            progress = read()
        except httpx.HTTPError as error:
            if time.monotonic() - heard > PATIENCE_SECONDS:
                raise ServerDown(
                    f"the Prefect server does not answer any more ({type(error).__name__}); the run may go on: see "
                    "`farm3d status`, and type the same command again"
                ) from error
        else:
            heard = time.monotonic()
            show(progress)
            if progress.is_over:
                return progress
        time.sleep(POLL_SECONDS)


def draw_progress(progress: RunProgress, title: str) -> RenderableType:
    """The stages of a run one below the other, with their bars."""
    heading = Text(f"{printable(title)}  {_describe(progress)}", style="bold")
    grid = Table.grid(padding=(0, 1))
    for width in (1, 9, BAR_WIDTH, 17, 8):
        grid.add_column(width=width, no_wrap=True, overflow="ellipsis")
    grid.add_column(overflow="ellipsis", no_wrap=True)
    notes = Table.grid()
    notes.add_column(overflow="fold")
    for stage in progress.stages:
        style = {"waits": "dim", "failed": "red"}.get(stage.state, "")
        cells = (stage.name, _bar(stage), _count(stage), _speed(stage), _time(stage))
        grid.add_row(_mark(stage), *(Text(each, style=style) if isinstance(each, str) else each for each in cells))
        if stage.note:
            notes.add_row(Text(f"  {stage.name}: {printable(stage.note)}", style="dim"))
    return Group(heading, grid, notes)


def _mark(stage: StageProgress) -> RenderableType:
    marks = {"waits": Text(" "), "done": Text("✓", style="green"), "failed": Text("✗", style="red")}
    return marks.get(stage.state) or Spinner("dots")


def _bar(stage: StageProgress) -> RenderableType:
    if stage.state == "runs" and not stage.wanted:
        return ProgressBar(total=None, width=BAR_WIDTH, pulse=True)
    total = stage.wanted or 1.0
    return ProgressBar(total, total if stage.state == "done" else min(stage.done, total), BAR_WIDTH)


def _count(stage: StageProgress) -> str:
    if stage.state == "waits":
        return ""
    if stage.wanted:
        return f"{stage.done:.0f}/{stage.wanted:.0f} {stage.unit}"
    return f"{stage.done:.0f} {stage.unit}" if stage.done else ""


def _speed(stage: StageProgress) -> str:
    return f"{stage.rate:.2g}/s" if stage.rate and stage.state == "runs" else ""


def _time(stage: StageProgress) -> str:
    if stage.seconds_left is not None:
        return f"{duration(stage.seconds_left)} left"
    return duration(stage.seconds) if stage.seconds is not None else ""


def _describe(progress: RunProgress) -> str:
    if progress.state in WAITING:
        return WAITING[progress.state]
    is_early = progress.state == "Running" and all(stage.state == "waits" for stage in progress.stages)
    state = "running, looks at its parts and weights" if is_early else progress.state.lower()
    return f"{state}, {duration(progress.seconds)}" if progress.seconds else state


class Lines:
    """One line every 30 seconds and at the end of each stage, for whoever reads a log."""

    def __init__(self, title: str) -> None:
        """Nothing was said yet."""
        self.title, self._said_at, self._said = title, -LINE_SECONDS, dict[str, str]()

    def show(self, progress: RunProgress) -> None:
        """Print the stages that run or have ended since, if it is time to."""
        now, states = time.monotonic(), {stage.name: stage.state for stage in progress.stages}
        ended = [stage for stage in progress.stages if stage.state in ("done", "failed")]
        new = [stage for stage in ended if self._said.get(stage.name) != stage.state]
        if not new and now - self._said_at < LINE_SECONDS:
            return
        running = [stage for stage in progress.stages if stage.state == "runs"]
        told = "; ".join(describe_stage(stage) for stage in (*new, *running))
        error_console.print(f"{self.title}  {_describe(progress)}{told and f' | {told}'}")
        self._said_at, self._said = now, states


def describe_stage(stage: StageProgress) -> str:
    """One stage in words."""
    parts = [f"{stage.name} {_count(stage)}".rstrip(), _speed(stage), stage.note]
    ends = {"runs": _time(stage), "done": f"done in {_time(stage)}", "failed": "failed"}
    return ", ".join(part for part in (*parts, ends.get(stage.state, "")) if part)
