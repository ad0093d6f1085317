import io
import re

import httpx
import pytest
from rich.console import Console

from flows.cli import run_view
from flows.cli.launcher import ServerDown
from flows.cli.run_progress import RunProgress, StageProgress

STAGES = (
    StageProgress("pictures", "done", 612, 612, "drawn", 2.5, 200.0),
    StageProgress(
        "crops", "runs", 10_000, 10_000, "kept", note="112 of 612 dropped: " + "too small 12, " * 9, seconds=9.0
    ),
    StageProgress("training", "runs", 120, 400, "steps", 1.4, 80.0, "loss 12.150  mask 0.055"),
    StageProgress("numbers", "failed", seconds=3.0),
    StageProgress("release", "waits"),
)


def progress(stages=STAGES, state="Running", is_over=False):
    return RunProgress(state, is_over, is_over, "", 75.0, stages, None)


def drawn(shown, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(run_view.draw_progress(shown, "cow, laptop"))
    return console.file.getvalue()


def test_the_view_shows_counts_speed_time_left_reasons_and_losses():
    text = drawn(progress())
    assert re.search(r"training .*120/400 steps +1.4/s +3m20s left", text)
    assert "cow, laptop  running, 1m15s" in text and "crops: 112 of 612 dropped: too small 12" in text
    assert "training: loss 12.150  mask 0.055" in text
    assert re.search(r"✓ pictures .*612/612 drawn +3m20s", text) and "✗ numbers" in text


def test_a_stage_of_unknown_length_says_how_far_it_is_and_no_number_of_all():
    begun, new = (StageProgress(name, "runs", done, 0, "steps") for name, done in (("maps", 300), ("gan", 0)))
    text = drawn(progress((begun, new)))
    assert re.search(r"maps .* 300 steps", text) and "/0" not in text and "0 steps" not in text.partition("gan")[2]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, drawn(progress(), width).splitlines())) <= width


@pytest.mark.parametrize(
    ("state", "words"), [("AwaitingConcurrencySlot", "waits for another run"), ("Late", "waits for the worker")]
)
def test_a_run_that_waits_says_for_what(state, words):
    assert words in drawn(progress(state=state))


def test_a_log_has_a_line_every_half_minute_and_one_at_the_end_of_a_stage(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(run_view.time, "monotonic", lambda: now[0])
    lines = run_view.Lines("cow, laptop")
    running = (StageProgress("pictures", "runs", 3, 24, "drawn", 0.5, 6.0), StageProgress("crops", "waits"))
    for now[0] in (0.0, 10.0, 29.0, 31.0):
        lines.show(progress(running))
    lines.show(
        progress((StageProgress("pictures", "done", 24, 24, "drawn", 0.5, 48.0), StageProgress("crops", "waits")))
    )
    begin = "cow, laptop  running, 1m15s | pictures"
    assert capsys.readouterr().err.splitlines() == [
        f"{begin} 3/24 drawn, 0.5/s, 42s left",
        f"{begin} 3/24 drawn, 0.5/s, 42s left",
        f"{begin} 24/24 drawn, done in 48s",
    ]


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(run_view.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(run_view.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def answers(*outcomes):
    iterator = iter(outcomes)

    def read():
        outcome = next(iterator)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return read


def test_a_server_that_is_busy_is_waited_for_and_one_that_is_gone_is_told(clock, capsys):
    busy = httpx.ConnectError("busy")
    end = progress(state="Completed", is_over=True)
    assert run_view.follow_run(answers(busy, busy, progress(), busy, end), "cow", quiet=True) is end
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ServerDown, match="does not answer any more .ConnectError.; the run may go on"):
        run_view.follow_run(answers(*[busy] * 100), "cow", quiet=True)
    assert clock[0] > run_view.PATIENCE_SECONDS


def test_on_a_terminal_bars_are_drawn(clock, monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(run_view, "error_console", console)
    monkeypatch.setattr(run_view, "is_live", lambda: True)
    run_view.follow_run(answers(progress(), progress(state="Completed", is_over=True)), "cow")
    assert "120/400 steps" in screen.getvalue() and "cow  completed" in screen.getvalue()
