"""The one training loop. It resumes, saves, reports and stops; it knows no loss and no network.

A method hands it a `Learner`: modules, optimisers, and what one step does with them. All randomness of a step comes
from (seed, step), so a run that is stopped and continued ends in the same numbers as one that was not (bit-exact on a
CPU). In a `process_group`, the process of rank 0 reports and saves for all.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.errors import TrainingDiverged
from models.engine.optimiser import Optimiser
from models.engine.process_group import average_values, process_count, process_rank, start_together
from models.engine.progress import Meter, line

logger = logging.getLogger(__name__)

SKIPS, SKIP_SHARE = 20, 0.02
"""Updates without a finite gradient that are let pass: marching tetrahedra at times give a triangle without area."""

Values = dict[str, Tensor | float]
"""Scalars of one step by name, the total among them as `loss`; tensors stay on their device until they are reported."""
Panel = UInt8[ndarray, "height width 3"]


class LoopConfig(Config):
    """How long, and how often to look."""

    steps: int = Field(default=1500, ge=1, description="optimiser steps of the whole run")
    seed: int = Field(default=0, ge=0, description="seed of everything random")
    report_every: int = Field(default=50, ge=1, description="steps between reports")
    panel_every: int = Field(default=500, ge=1, description="steps between panels of pictures")
    save_every: int = Field(default=500, ge=1, description="steps between checkpoints")


@runtime_checkable
class Learner(Protocol):
    """What a method trains, and how."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Everything whose state a checkpoint holds, running means of weights among them."""
        ...

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One for each loss that is minimised."""
        ...

    def step(self, number: int, progress: float) -> Values:
        """Draw a batch, update every optimiser once or more, and say what the losses were."""
        ...

    def panel(self, progress: float) -> Panel | None:
        """A picture of how training stands."""
        ...


@runtime_checkable
class Checkpoints(Protocol):
    """Where whole training states are kept."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Keep the state after `step` steps."""
        ...

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """The newest whole state, or None."""
        ...


Report = Callable[[int, dict[str, float], Panel | None], None]
"""Takes (step, values by name, a panel of pictures or None)."""


class NoCheckpoints:
    """For trainings that are too short to be resumed."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Keep nothing."""

    def newest(self) -> None:
        """There is none."""


def no_report(step: int, values: dict[str, float], panel: Panel | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Summary:
    """How a training ended."""

    steps: int
    skipped: int
    """Updates whose gradient was not finite."""
    values: dict[str, float]
    """Means over the steps since the report before the last."""


def fit(  # noqa: PLR0913 - what a run is made of, named at every call
    learner: Learner,
    config: LoopConfig,
    checkpoints: Checkpoints,
    report: Report = no_report,
    shown: tuple[str, ...] | None = (),
    begin: float = 0.0,
) -> Summary:
    """Train to the end of the run, from the newest checkpoint if there is one.

    `shown` names the values on the progress line; None is for no line. `begin` is the share of all schedules that lies
    behind weights that were learnt before. Stopped by a signal or Ctrl-C, it saves where it stands before it lets the
    exception through.

    Raises TrainingDiverged if a value or too many gradients become non-finite, ValueError where another number of
    processes made the checkpoint.
    """
    run = _Run(learner, config, checkpoints, report, shown, begin)
    run.resume()
    try:
        while run.step < config.steps:
            run.advance()
    except BaseException as stopped:
        # Signals (KeyboardInterrupt, Prefect's TerminationSignal) are no Exception; an error leaves no checkpoint.
        if not isinstance(stopped, Exception) and run.whole:
            logger.info("stopped by %s; saving step %d", type(stopped).__name__, run.step)
            run.save()
        raise
    return Summary(run.step, run.skipped, run.values)


@dataclass
class _Run:
    learner: Learner
    config: LoopConfig
    checkpoints: Checkpoints
    report: Report
    shown: tuple[str, ...] | None
    begin: float

    def __post_init__(self) -> None:
        self.step = self.saved = 0
        self.values: dict[str, float] = {}
        self.unreported: dict[str, float] = {}
        """Values of a report that a signal interrupted."""
        self.meter = Meter()

    @property
    def progress(self) -> float:
        """Share of all schedules that is done."""
        return self._progress(self.step)

    def _progress(self, step: int) -> float:
        return self.begin + (1 - self.begin) * step / self.config.steps

    @property
    def whole(self) -> bool:
        """Whether the weights are those after `step` steps, not half updated."""
        return not any(optimiser.touched for optimiser in self.learner.optimisers.values())

    @property
    def skipped(self) -> int:
        """Updates whose gradient was not finite."""
        return sum(optimiser.skipped for optimiser in self.learner.optimisers.values())

    def resume(self) -> None:
        """Go on from the newest checkpoint."""
        newest = self.checkpoints.newest()
        if newest is not None:
            self._restore(*newest)
        start_together(self.learner.modules.values(), self.step)
        if self.unreported:
            self._report(self.unreported)

    def _restore(self, step: int, state: dict[str, Any]) -> None:
        count = state.get("processes", 1)
        if count != process_count():
            raise ValueError(
                f"the checkpoint of step {step} was made with processes: {count}, and this run has processes: "
                f"{process_count()}, which would end in other weights; go on with {count}, or delete the checkpoints"
            )
        for name, module in self.learner.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimiser in self.learner.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step = self.saved = step
        self.unreported = state.get("unreported", {})
        logger.info("continuing from the checkpoint of step %d", self.step)

    def save(self) -> None:
        """Keep the state after the steps done so far; the process of rank 0 does it for all."""
        if process_rank():
            return
        modules = {name: module.state_dict() for name, module in self.learner.modules.items()}
        optimisers = {name: optimiser.state_dict() for name, optimiser in self.learner.optimisers.items()}
        # A state without a number was made by one process.
        rest = {"processes": process_count()} if process_count() > 1 else {}
        rest |= {"unreported": self.unreported} if self.unreported else {}
        self.checkpoints.save(self.step, {"modules": modules, "optimisers": optimisers, **rest})
        self.saved = self.step

    def advance(self) -> None:
        """One training step, and what is due after it."""
        values = average_values(self.learner.step(self.step, self.progress))
        self._check(values)
        self.step += 1
        for optimiser in self.learner.optimisers.values():
            optimiser.settle()
        if self.skipped > SKIPS + SKIP_SHARE * self.step:
            raise TrainingDiverged(
                f"{self.skipped} of {self.step} steps had a non-finite gradient; {self._newest()}; "
                "lower the learning rates"
            )
        self.meter.add(values)
        last = self.step == self.config.steps
        if last or self.step % self.config.report_every == 0:
            self._report({**self.meter.read(), "skipped": float(self.skipped)})
        if last or self.step % self.config.save_every == 0:
            self.save()

    def _check(self, values: Values) -> None:
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        # One transfer from the device for all of them.
        read = torch.stack(list(tensors.values())).tolist() if tensors else []
        numbers = {**values, **dict(zip(tensors, read, strict=True))}
        wrong = [name for name, number in numbers.items() if not isfinite(number)]
        if wrong:
            name = next((name for name in wrong if name != "loss"), "loss")
            raise TrainingDiverged(
                f"loss term {name} is {numbers[name]} at step {self.step}; {self._newest()}; "
                "lower the learning rates or that term's weight"
            )

    def _report(self, values: dict[str, float]) -> None:
        if process_rank():
            return
        self.values = self.unreported = values
        if self.shown is not None:
            logger.info("%s", line(self.step, self.config.steps, self.values, self.shown))
        pictured = self.step == self.config.steps or self.step % self.config.panel_every == 0
        panel = self.learner.panel(self._progress(self.step - 1)) if pictured else None
        self.report(self.step, self.values, panel)
        self.unreported = {}

    def _newest(self) -> str:
        return f"the last whole checkpoint is of step {self.saved}" if self.saved else "there is no checkpoint yet"
