"""Two processes that meet over gloo: one is this one, the other runs `other`, which does the same in the same order."""

from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.engine.loop import LoopConfig, NoCheckpoints, fit
from models.engine.optimiser import Optimiser
from models.engine.process_group import (
    average_gradients,
    average_values,
    process_count,
    process_group,
    process_rank,
    start_together,
)
from tests.models.engine.test_loop import Shelf

CPU = torch.device("cpu")
DATA = torch.arange(6.0).view(2, 3)
"""A row for each process."""


class Line:
    """Fits a line to the row of its process; its second weight gets a gradient in the last process alone."""

    def __init__(self, start: float = 0.0, late_weight: float = 1.0) -> None:
        self.late_weight, self.line = late_weight, nn.Linear(3, 1)
        for value in self.line.parameters():
            nn.init.constant_(value, start)
        self.late, self.never = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(1))
        self.modules = {"line": self.line, "rest": nn.ParameterList([self.late, self.never])}
        adam = torch.optim.Adam([*self.line.parameters(), self.late, self.never], 0.1)
        self.optimisers = {"line": Optimiser(adam)}
        self.panels = 0

    def rows(self) -> torch.Tensor:
        return DATA[process_rank()][None] if process_count() > 1 else DATA

    def step(self, number: int, progress: float) -> dict[str, torch.Tensor | float]:
        rows = self.rows()
        loss = (self.line(rows) - rows.sum(-1, keepdim=True)).square().mean()
        if process_rank() == process_count() - 1:
            loss = loss + self.late_weight * (self.late.square() + self.late).sum()
        norm = self.optimisers["line"].update(loss, progress)
        return {"loss": loss.detach(), "norm": norm, "rank": float(process_rank())}

    def panel(self, progress: float) -> np.ndarray:
        self.panels += 1
        return np.zeros((1, 1, 3), np.uint8)


def gradients() -> list[torch.Tensor | None]:
    """Of three parameters: one everywhere, one in the last process alone, one nowhere."""
    first, second, third = (nn.Parameter(torch.zeros(2)) for _ in range(3))
    first.grad = torch.full((2,), float(process_rank()))
    if process_rank() == 1:
        second.grad = torch.tensor([4.0, float("nan")])
    average_gradients(iter((first, second, third)))
    return [first.grad, second.grad, third.grad]


def trained() -> tuple[Line, Shelf, list[int]]:
    """Three steps; weights that differ at first are those of rank 0."""
    line, shelf, told = Line(float(process_rank())), Shelf(), list[int]()
    fit(
        line,
        LoopConfig(steps=3, report_every=1, panel_every=1, save_every=2),
        shelf,
        lambda step, *_: told.append(step),
    )
    return line, shelf, told


def parted() -> str:
    try:
        start_together([], 7 * process_rank())
    except RuntimeError as error:
        return str(error)
    return ""


def other(meeting: Path, told: object) -> None:
    with process_group(1, 2, meeting, CPU):
        average_values({"a": 1.0, "b": torch.tensor(3.0)})
        gradients()
        line, shelf, steps = trained()
        told.send((line.line.weight.detach().numpy(), len(shelf.kept), steps, line.panels, parted()))


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What both processes say."""
    spawn, path = get_context("spawn"), tmp_path_factory.mktemp("group") / "meeting"
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=other, args=(path, theirs), daemon=True)
    process.start()
    with process_group(0, 2, path, CPU):
        said = {
            "alone": (process_rank(), process_count()),
            "values": average_values({"a": 2.0, "b": torch.tensor(5.0)}),
            "gradients": gradients(),
            "trained": trained(),
            "parted": parted(),
            "other": ours.recv(),
        }
    process.join()
    assert process_count() == 1
    return said


def test_a_process_knows_its_place_only_while_it_is_in_a_group(meeting: dict[str, object]) -> None:
    assert meeting["alone"] == (0, 2)
    assert (process_rank(), process_count()) == (0, 1)


def test_values_are_the_means_of_all_processes(meeting: dict[str, object]) -> None:
    values = meeting["values"]
    assert list(values) == ["a", "b"] and [float(value) for value in values.values()] == [1.5, 4.0]


def test_gradients_are_the_means_and_what_has_none_anywhere_stays_without(meeting: dict[str, object]) -> None:
    first, second, third = meeting["gradients"]
    assert first.tolist() == [0.5, 0.5]
    assert second[0] == 2 and second[1].isnan(), "what is not finite in one process is seen by all"
    assert third is None


def test_several_processes_learn_what_one_learns_from_all_rows(meeting: dict[str, object]) -> None:
    line, _, _ = meeting["trained"]
    alone = Line(late_weight=0.5)
    fit(alone, LoopConfig(steps=3), NoCheckpoints())
    torch.testing.assert_close(line.line.weight, alone.line.weight, atol=1e-5, rtol=0)
    torch.testing.assert_close(line.late, alone.late, atol=1e-5, rtol=0)
    assert line.never.item() == 1


def test_all_start_from_the_weights_of_the_first_and_stay_alike(meeting: dict[str, object]) -> None:
    line, (theirs, *_) = meeting["trained"][0], meeting["other"]
    np.testing.assert_array_equal(line.line.weight.detach().numpy(), theirs)


def test_only_the_first_reports_draws_panels_and_saves(meeting: dict[str, object]) -> None:
    line, shelf, told = meeting["trained"]
    assert told == [1, 2, 3] and line.panels == 3 and sorted(shelf.kept) == [2, 3]
    assert shelf.kept[2]["processes"] == 2
    _, kept, steps, panels, _ = meeting["other"]
    assert (kept, steps, panels) == (0, [], 0)


def test_processes_that_go_on_from_different_steps_are_stopped(meeting: dict[str, object]) -> None:
    for said in (meeting["parted"], meeting["other"][-1]):
        assert said.startswith("the processes go on from checkpoints of steps 0, 7; run it again")


def test_alone_nothing_is_touched() -> None:
    parameter = nn.Parameter(torch.ones(2))
    average_gradients([parameter])
    assert parameter.grad is None
    start_together([nn.Linear(1, 1)], 3)
    values = {"a": 0.1, "b": torch.tensor(0.2)}
    assert average_values(values) == values
