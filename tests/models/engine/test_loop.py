import logging
from typing import Any

import numpy as np
import pytest
import torch

from models.core.errors import TrainingDiverged
from models.core.schedule import Schedule
from models.data.crops import Crops
from models.engine import loop
from models.engine.loop import Summary, TrainingConfig, fit
from models.methods.magicpony.config import MagicPonyConfig
from models.methods.magicpony.model import Animal
from models.methods.magicpony.terms import Method, Term
from models.rendering.reference import Reference
from tests.models.data.test_crops import CPU, crop
from tests.models.methods.magicpony.test_model import CATEGORY, CONFIG, PatchVit

CONFIG_ = TrainingConfig(steps=8, batch=2, size=16, report_every=2, panel_every=4, save_every=3)
CROPS = Crops([crop(seed, size=16, channels=16) for seed in range(5)], 16, CPU)
METHOD = MagicPonyConfig(eikonal_points=20).build(CATEGORY)


class Shelf:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self.kept: dict[int, dict[str, Any]] = {}

    def save(self, step: int, state: dict[str, Any]) -> None:
        self.kept[step] = torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, state)  # noqa: SLF001

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        return (max(self.kept), self.kept[max(self.kept)]) if self.kept else None


class Signal(BaseException):
    """As Prefect's TerminationSignal: no Exception."""


def untrained() -> Animal:
    torch.manual_seed(0)
    return CONFIG.build(CATEGORY, PatchVit())


def train(animal: Animal, shelf: Shelf, report: Any = lambda *_: None, method: Method = METHOD) -> Summary:
    return fit(animal, method, CONFIG_, CROPS, Reference(), shelf, report)


def weights(animal: Animal) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in animal.parameters()])


def stopping(at: int, error: BaseException) -> Method:
    """The method, but `error` falls from the sky in the step after `at`."""

    def strike(step: Any) -> None:
        if step.number == at:
            raise error

    return Method((*METHOD.terms, Term("strike", strike, Schedule(1.0))), METHOD.hypothesis, METHOD.excess)


def test_a_stopped_run_continues_to_the_same_bits() -> None:
    straight, shelf = untrained(), Shelf()
    train(straight, Shelf())
    with pytest.raises(Signal):
        train(untrained(), shelf, method=stopping(5, Signal()))
    continued = untrained()
    summary = train(continued, shelf)
    assert summary.steps == 8
    assert torch.equal(weights(straight), weights(continued))


def test_a_signal_saves_the_last_whole_step_and_passes_through() -> None:
    shelf = Shelf()
    with pytest.raises(Signal):
        train(untrained(), shelf, method=stopping(5, Signal()))
    assert max(shelf.kept) == 5


def test_a_signal_in_the_middle_of_an_update_saves_nothing_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    count = iter(range(100))

    def torn(*_: object, **__: object) -> None:
        if next(count) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.Adam, "step", torn)
    with pytest.raises(KeyboardInterrupt):
        train(untrained(), shelf)
    assert max(shelf.kept) == 3


def test_an_error_keeps_the_older_checkpoint() -> None:
    shelf = Shelf()
    with pytest.raises(OSError, match="disk"):
        train(untrained(), shelf, method=stopping(5, OSError("disk")))
    assert max(shelf.kept) == 3


def test_a_term_that_is_not_finite_is_named_with_its_step() -> None:
    def broken(step: Any) -> torch.Tensor:
        return step.prediction.score * (float("nan") if step.number == 4 else 1)

    method = Method((*METHOD.terms, Term("broken", broken, Schedule(1.0))), METHOD.hypothesis, METHOD.excess)
    with pytest.raises(TrainingDiverged, match="term broken is nan at step 4; the last whole checkpoint is of step 3"):
        train(untrained(), Shelf(), method=method)


def test_a_gradient_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    def bottomless(step: Any) -> torch.Tensor:
        return (step.prediction.score * 0).abs().sqrt().sum()

    method = Method((Term("bottomless", bottomless, Schedule(1.0)),), Schedule(1.0), METHOD.excess)
    animal, before = untrained(), weights(untrained())
    assert train(animal, Shelf(), method=method).skipped == 8
    assert torch.equal(weights(animal), before)


def test_too_many_such_gradients_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def bottomless(step: Any) -> torch.Tensor:
        return (step.prediction.score * 0).abs().sqrt().sum()

    monkeypatch.setattr(loop, "SKIPS", 5)
    method = Method((Term("bottomless", bottomless, Schedule(1.0)),), Schedule(1.0), METHOD.excess)
    with pytest.raises(TrainingDiverged, match="6 of 6 steps"):
        train(untrained(), Shelf(), method=method)


def test_reports_panels_and_the_progress_line(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[int, dict[str, float], np.ndarray | None]] = []
    with caplog.at_level(logging.INFO, logger="models"):
        train(untrained(), Shelf(), lambda *each: told.append(each))
    assert [step for step, _, _ in told] == [2, 4, 6, 8]
    assert [panel is not None for _, _, panel in told] == [False, True, False, True]
    assert {"loss", "mask", "rgb", "gradient_norm", "skipped", "steps_per_second"} <= set(told[0][1])
    assert "step 2/8 | loss " in caplog.text


def test_a_finished_run_is_not_run_again() -> None:
    shelf = Shelf()
    train(untrained(), shelf)
    again = untrained()
    assert train(again, shelf, method=stopping(8, Signal())).steps == 8
    done = untrained()
    done.load_state_dict(shelf.kept[8]["animal"])
    assert torch.equal(weights(again), weights(done))


def test_learning_rates_follow_their_groups_and_the_decay() -> None:
    shelf = Shelf()
    config = CONFIG_.model_copy(update={"decay": Schedule({0.0: 1.0, 1.0: 0.0})})
    fit(untrained(), METHOD, config, CROPS, Reference(), shelf, lambda *_: None)
    shape, pose, rest = (group["lr"] for group in shelf.kept[8]["optimizer"]["param_groups"])
    assert (shape, pose, rest) == pytest.approx((1e-3 / 8, 1e-4 / 8, 7e-4 / 8))


@pytest.mark.slow
def test_one_batch_is_learnt() -> None:
    losses: list[float] = []
    config = CONFIG_.model_copy(update={"steps": 60, "mirror": False, "report_every": 20, "panel_every": 100})
    few = Crops([crop(seed, size=8, channels=16) for seed in range(2)], 16, CPU)
    fit(untrained(), METHOD, config, few, Reference(), Shelf(), lambda _, values, __: losses.append(values["mask"]))
    assert losses[-1] < 0.75 * losses[0]


def test_an_animal_learnt_before_has_a_share_of_all_schedules_behind_it() -> None:
    seen: list[float] = []

    def watch(step: Any) -> None:
        seen.append(step.progress)

    method = Method((Term("watch", watch, Schedule(1.0)), *METHOD.terms), METHOD.hypothesis, METHOD.excess)
    fit(untrained(), method, CONFIG_, CROPS, Reference(), Shelf(), lambda *_: None, begin=0.6)
    assert seen == pytest.approx([0.6 + 0.4 * step / 8 for step in range(8)])
