"""The loop resumes to the same bits, saves nothing torn and tells what happens; it has never seen an animal."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.core.errors import TrainingDiverged
from models.core.schedule import Schedule
from models.engine import loop
from models.engine.loop import Checkpoints, Learner, LoopConfig, NoCheckpoints, Summary, fit
from models.engine.optimiser import Optimiser

CONFIG = LoopConfig(steps=8, report_every=2, panel_every=4, save_every=3)


class Shelf:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self.kept: dict[int, dict[str, Any]] = {}

    def save(self, step: int, state: dict[str, Any]) -> None:
        self.kept[step] = torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, state)  # noqa: SLF001

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        return (max(self.kept), self.kept[max(self.kept)]) if self.kept else None


Stepping = TypeVar("Stepping", bound=Learner)


class Signal(BaseException):
    """As Prefect's TerminationSignal: no Exception."""


def interrupted(step: Callable[[int, float], Any], number: int) -> Callable[[int, float], Any]:
    """The same step of a learner, but for the one of this number, before which a signal comes."""

    def signalled(now: int, progress: float) -> Any:
        if now == number:
            raise Signal
        return step(now, progress)

    return signalled


def straight_and_continued(
    make: Callable[[], Stepping], train: Callable[[Stepping, Shelf], Any]
) -> tuple[Stepping, Stepping]:
    """A learner that was trained in one go, and one that goes on from the checkpoints of another, which was stopped."""
    straight, stopped, continued, shelf = make(), make(), make(), Shelf()
    train(straight, Shelf())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stopped, "step", interrupted(stopped.step, 4))
        with pytest.raises(Signal):
            train(stopped, shelf)
    train(continued, shelf)
    return straight, continued


class Duel:
    """A generator and a critic with an optimiser each, and the running mean of the generator's weights."""

    def __init__(self, between: Callable[[int], None] = lambda number: None) -> None:
        """`between` is called with the step's number between the two updates."""
        torch.manual_seed(0)
        self.critic, self.maker, self.mean = nn.Linear(3, 1), nn.Linear(2, 3), nn.Linear(2, 3)
        self.mean.load_state_dict(self.maker.state_dict())
        self.between = between
        self.progress: list[float] = []
        fading = Schedule({0.0: 1.0, 1.0: 0.1})
        self.optimisers = {
            "critic": Optimiser(torch.optim.Adam(self.critic.parameters(), 0.02), fading),
            "maker": Optimiser(torch.optim.AdamW(self.maker.parameters(), 0.01), fading, clip=None),
        }

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"critic": self.critic, "maker": self.maker, "mean": self.mean}

    def step(self, number: int, progress: float) -> dict[str, Tensor | float]:
        self.progress.append(progress)
        generator = torch.Generator().manual_seed(number)
        real, noise = torch.randn(4, 3, generator=generator) + 1, torch.randn(4, 2, generator=generator)
        judged = (self.critic(self.maker(noise).detach()) - self.critic(real)).mean() + self.critic.weight.norm()
        self.optimisers["critic"].update(judged, progress)
        self.between(number)
        fooled = self.loss(number, -self.critic(self.maker(noise)).mean())
        norm = self.optimisers["maker"].update(fooled, progress)
        self.critic.zero_grad(set_to_none=True)
        with torch.no_grad():
            for mean, new in zip(self.mean.parameters(), self.maker.parameters(), strict=True):
                mean.lerp_(new, 0.1)
        return {"loss": fooled.detach(), "critic": judged.detach(), "norm": norm, "real": 1.0}

    def loss(self, number: int, fooled: Tensor) -> Tensor:
        return fooled

    def panel(self, progress: float) -> np.ndarray | None:
        return np.full((2, 3, 3), round(255 * progress), np.uint8)


class Bottomless(Duel):
    """The maker's loss has no finite gradient."""

    def loss(self, number: int, fooled: Tensor) -> Tensor:
        return (fooled * 0).abs().sqrt()


def strike(at: int, error: BaseException) -> Callable[[int], None]:
    """`error` falls from the sky in the step after `at`."""

    def between(number: int) -> None:
        if number == at:
            raise error

    return between


class Struck(Duel):
    """As strike, but before anything of the step has moved."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self.strike = strike(at, error)

    def step(self, number: int, progress: float) -> dict[str, Tensor | float]:
        self.strike(number)
        return super().step(number, progress)


def train(learner: Duel, shelf: Checkpoints, report: Any = loop.no_report, config: LoopConfig = CONFIG) -> Summary:
    return fit(learner, config, shelf, report, ("critic",))


def weights(learner: Duel) -> Tensor:
    return torch.cat([each.detach().flatten() for module in learner.modules.values() for each in module.parameters()])


def test_what_it_trains_is_a_learner() -> None:
    assert isinstance(Duel(), Learner)
    assert isinstance(Shelf(), Checkpoints) and isinstance(NoCheckpoints(), Checkpoints)


@pytest.mark.parametrize("at", range(1, 8))
def test_a_stopped_run_continues_to_the_same_bits_also_in_its_running_mean(at: int) -> None:
    straight, shelf = Duel(), Shelf()
    train(straight, Shelf())
    with pytest.raises(Signal):
        train(Struck(at, Signal()), shelf)
    continued = Duel()
    summary = train(continued, shelf)
    assert summary.steps == 8
    assert torch.equal(weights(straight), weights(continued))
    assert len(continued.progress) == 8 - at
    assert not torch.equal(continued.mean.weight, continued.maker.weight)


def test_a_signal_saves_the_last_whole_step_and_passes_through() -> None:
    shelf, learner = Shelf(), Struck(5, Signal())
    with pytest.raises(Signal):
        train(learner, shelf)
    assert max(shelf.kept) == 5
    saved = shelf.kept[5]["modules"]
    assert torch.equal(saved["maker"]["weight"], learner.maker.weight)
    told: list[int] = []
    train(Duel(), shelf, lambda step, *_: told.append(step))
    assert told == [6, 8], "what was reported is not reported again"


def test_a_signal_between_the_updates_of_two_optimisers_saves_nothing_torn() -> None:
    shelf = Shelf()
    with pytest.raises(Signal):
        train(Duel(strike(5, Signal())), shelf)
    assert max(shelf.kept) == 3
    straight, continued = Duel(), Duel()
    train(straight, Shelf())
    train(continued, shelf)
    assert torch.equal(weights(straight), weights(continued))


def test_a_signal_in_the_middle_of_an_update_saves_nothing_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, count = Shelf(), iter(range(100))

    def torn(*_: object, **__: object) -> None:
        if next(count) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", torn)
    with pytest.raises(KeyboardInterrupt):
        train(Duel(), shelf)
    assert max(shelf.kept) == 3


@pytest.mark.parametrize("at", [4, 8])
def test_a_signal_while_a_report_is_made_saves_its_step_and_the_next_run_makes_the_report(at: int) -> None:
    begun: list[tuple[int, dict[str, float], np.ndarray]] = []
    told: list[tuple[int, dict[str, float], np.ndarray]] = []

    def interrupted(*report: Any) -> None:
        begun.append(report)
        if report[0] == at:
            raise KeyboardInterrupt

    shelf = Shelf()
    with pytest.raises(KeyboardInterrupt):
        train(Duel(), shelf, interrupted)
    assert max(shelf.kept) == at
    summary = train(Duel(), shelf, lambda *report: told.append(report))
    assert [step for step, _, _ in told] == [*range(at, 9, 2)]
    assert told[0][1] == begun[-1][1] and (told[0][2] == begun[-1][2]).all()
    assert summary.values == told[-1][1]


def test_an_error_keeps_the_older_checkpoint() -> None:
    shelf = Shelf()
    with pytest.raises(OSError, match="disk"):
        train(Struck(5, OSError("disk")), shelf)
    assert max(shelf.kept) == 3


def test_a_value_that_is_not_finite_is_named_with_its_step() -> None:
    class Broken(Duel):
        def step(self, number: int, progress: float) -> dict[str, Tensor | float]:
            values = super().step(number, progress)
            wrong = torch.tensor(float("nan" if number == 4 else 1))
            return {**values, "loss": values["loss"] * wrong, "broken": wrong}

    shelf = Shelf()
    with pytest.raises(TrainingDiverged, match="term broken is nan at step 4; the last whole checkpoint is of step 3"):
        train(Broken(), shelf)
    assert max(shelf.kept) == 3


def test_a_run_that_breaks_before_its_first_checkpoint_says_so() -> None:
    class Broken(Duel):
        def step(self, number: int, progress: float) -> dict[str, Tensor | float]:
            return {"loss": torch.tensor(float("inf"))}

    with pytest.raises(TrainingDiverged, match="term loss is inf at step 0; there is no checkpoint yet"):
        train(Broken(), Shelf())


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_numbers_that_are_no_tensors_are_looked_at_too(loss: float) -> None:
    class Plain(Duel):
        def step(self, number: int, progress: float) -> dict[str, Tensor | float]:
            return {"loss": loss if number == 2 else 1.0}

    with pytest.raises(TrainingDiverged, match=f"term loss is {loss} at step 2"):
        train(Plain(), Shelf())


def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    learner, fresh = Bottomless(), Duel()
    assert train(learner, Shelf()).skipped == 8
    assert torch.equal(learner.maker.weight, fresh.maker.weight)
    assert not torch.equal(learner.critic.weight, fresh.critic.weight), "the other optimiser goes on"


def test_updates_that_were_skipped_before_a_stop_still_count() -> None:
    shelf = Shelf()
    train(Bottomless(), shelf, config=CONFIG.model_copy(update={"steps": 3}))
    assert train(Bottomless(), shelf).skipped == 8


def test_too_many_such_gradients_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SKIPS", 5)
    with pytest.raises(TrainingDiverged, match="6 of 6 steps"):
        train(Bottomless(), Shelf())


def test_reports_panels_and_the_progress_line(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[int, dict[str, float], np.ndarray | None]] = []
    with caplog.at_level(logging.INFO, logger="models"):
        summary = train(Duel(), Shelf(), lambda *each: told.append(each))
    assert [step for step, _, _ in told] == [2, 4, 6, 8]
    assert [panel is not None for _, _, panel in told] == [False, True, False, True]
    assert {"loss", "critic", "norm", "real", "skipped", "steps_per_second"} <= set(told[0][1])
    assert "step 2/8 | loss " in caplog.text and "| critic " in caplog.text
    assert summary.values == told[-1][1]
    assert told[1][2].max() == round(255 * 3 / 8), "of the schedules as they stood in the step before"


def test_a_fit_of_a_moment_writes_no_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="models"):
        assert "critic" in fit(Duel(), CONFIG, NoCheckpoints(), shown=None).values
    assert not caplog.text


def test_checkpoints_are_written_when_they_are_due_and_at_the_end() -> None:
    shelf = Shelf()
    train(Duel(), shelf)
    assert sorted(shelf.kept) == [3, 6, 8]
    assert set(shelf.kept[8]["modules"]) == {"critic", "maker", "mean"}
    assert set(shelf.kept[8]["optimisers"]) == {"critic", "maker"}


def test_a_finished_run_is_not_run_again() -> None:
    shelf, done = Shelf(), Duel()
    train(done, shelf)
    again = Struck(0, Signal())
    assert train(again, shelf).steps == 8
    assert torch.equal(weights(again), weights(done))


def test_weights_learnt_before_have_a_share_of_all_schedules_behind_them() -> None:
    learner = Duel()
    fit(learner, CONFIG, NoCheckpoints(), begin=0.6)
    assert learner.progress == pytest.approx([0.6 + 0.4 * step / 8 for step in range(8)])


def test_what_is_too_short_to_be_resumed_keeps_nothing_and_learns_the_same() -> None:
    kept, unkept = Duel(), Duel()
    train(kept, Shelf())
    train(unkept, NoCheckpoints())
    assert torch.equal(weights(kept), weights(unkept))


def test_a_run_does_not_go_on_with_another_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    train(Duel(), shelf, config=CONFIG.model_copy(update={"steps": 3}))
    assert "processes" not in shelf.kept[3], "as ever since"
    shelf.kept[3]["processes"] = 4
    with pytest.raises(
        ValueError, match="step 3 was made with processes: 4, and this run has processes: 1, .*go on with 4, or delete"
    ):
        train(Duel(), shelf)
