"""One training loop for every method: draw, predict, render, sum the table, step, save.

All randomness comes from (seed, step), so a run that is stopped and continued ends in the same numbers as one that
was not (bit-exact on a CPU).
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor

from models.core.config import Config
from models.core.errors import TrainingDiverged
from models.core.schedule import Schedule
from models.data.augmentation import Augmentation
from models.data.batch import Batch
from models.data.crops import Crops, drawn, random
from models.engine.progress import Meter, line
from models.methods.magicpony.model import Animal
from models.methods.magicpony.panels import ROWS, panel
from models.methods.magicpony.terms import Method, Step
from models.rendering import Renderer

logger = logging.getLogger(__name__)

SHOWN = ("mask", "rgb", "features", "sds")
"""Terms on the progress line; the report gets all of them."""
SKIPS, SKIP_SHARE = 20, 0.02
"""Steps without finite gradient that are let pass: marching tetrahedra now and then give a triangle without area."""


class TrainingConfig(Config):
    """How long, how fast, and how often to look."""

    steps: int = Field(default=1500, ge=1, description="optimiser steps of the whole run")
    batch: int = Field(default=4, ge=1, description="crops per step")
    size: int = Field(default=96, ge=16, description="training resolution in pixels")
    seed: int = Field(default=0, ge=0, description="seed of everything random")
    mirror: bool = Field(default=True, description="show half of the crops mirrored left to right")
    rate_shape: float = Field(default=1e-3, gt=0, description="learning rate of what all animals share")
    rate_pose: float = Field(default=1e-4, gt=0, description="learning rate of the viewpoint network")
    rate_rest: float = Field(default=7e-4, gt=0, description="learning rate of everything else")
    decay: Schedule = Field(default=Schedule({0.6: 1.0, 1.0: 0.1}), description="factor on all learning rates")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient of each of the three")
    augmentation: Augmentation = Field(default=Augmentation(), description="how crops are spoilt for the encoder")
    report_every: int = Field(default=50, ge=1, description="steps between reports")
    panel_every: int = Field(default=500, ge=1, description="steps between panels of pictures")
    save_every: int = Field(default=500, ge=1, description="steps between checkpoints")


@runtime_checkable
class Checkpoints(Protocol):
    """Where whole training states are kept."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Keep the state after `step` steps."""
        ...

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """The newest whole state, or None."""
        ...


Report = Callable[[int, dict[str, float], UInt8[ndarray, "height width 3"] | None], None]
"""Takes (step, values by name, a panel of pictures or None)."""


@dataclass(frozen=True)
class Summary:
    """How a run ended."""

    steps: int
    skipped: int
    """Steps whose gradient was not finite."""
    values: dict[str, float]
    """Means over the last report's steps."""


def fit(  # noqa: PLR0913 - what a run is made of, named at every call
    animal: Animal,
    method: Method,
    config: TrainingConfig,
    crops: Crops,
    renderer: Renderer,
    checkpoints: Checkpoints,
    report: Report,
    begin: float = 0.0,
) -> Summary:
    """Train `animal` in place to the end of the run, from the newest checkpoint if there is one.

    `begin` is the share of all schedules that an animal learnt before has behind it.

    Stopped by a signal or Ctrl-C, it saves where it stands before it lets the exception through.

    Raises TrainingDiverged if a term or too many gradients become non-finite.
    """
    with ThreadPoolExecutor(1) as helper:
        run = _Run(animal, method, config, crops, renderer, checkpoints, report, begin, helper)
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
    animal: Animal
    method: Method
    config: TrainingConfig
    crops: Crops
    renderer: Renderer
    checkpoints: Checkpoints
    report: Report
    begin: float
    helper: Executor
    """Another thread, for the frozen ViT: its answers for the next step do not depend on this one."""

    def __post_init__(self) -> None:
        groups = self.animal.parameter_groups()
        rates = {"shape": self.config.rate_shape, "pose": self.config.rate_pose, "rest": self.config.rate_rest}
        trained = [{"params": groups[name], "lr": rate} for name, rate in rates.items()]
        self.optimizer = torch.optim.Adam(trained, fused=True)
        self.rates = list(rates.values())
        self.step = self.skipped = self.saved = 0
        self.whole = True
        """False while the weights are half updated."""
        self.values: dict[str, float] = {}
        self.virtual: list[tuple[str, Tensor]] = []
        """Captions and pictures of the newest views shown to a teacher."""
        self.coming: Batch | None = None
        """The crops of the next step."""
        self.meter = Meter()

    @property
    def progress(self) -> float:
        """Share of all schedules that is done."""
        return self.begin + (1 - self.begin) * self.step / self.config.steps

    def resume(self) -> None:
        """Go on from the newest checkpoint."""
        found = self.checkpoints.newest()
        if found is None:
            return
        self.step, state = found
        self.animal.load_state_dict(state["animal"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.skipped, self.saved = state["skipped"], self.step
        logger.info("continuing from the checkpoint of step %d", self.step)

    def save(self) -> None:
        """Keep the state after the steps done so far."""
        state = {"animal": self.animal.state_dict(), "optimizer": self.optimizer.state_dict(), "skipped": self.skipped}
        self.checkpoints.save(self.step, state)
        self.saved = self.step

    def advance(self) -> None:
        """One optimiser step, and what is due after it."""
        step = self._forward()
        loss, values = self.method.loss(step)
        self._check(values)
        loss.backward()
        norm = self._update()
        self.virtual = step.pictures or self.virtual
        self.meter.add({"loss": loss.detach(), **values, "gradient_norm": norm, **step.notes})
        last = self.step == self.config.steps
        if last or self.step % self.config.report_every == 0:
            self._tell(step, last)
        if last or self.step % self.config.save_every == 0:
            self.save()

    def _forward(self) -> Step:
        config, progress = self.config, self.progress
        generator = random(config.seed, "step", self.step)
        batch, self.coming = self.coming, None
        if batch is None:
            batch = self._batch(self.step)
        if self.step + 1 < config.steps:
            self.coming = self._batch(self.step + 1)
            self.animal.tokens.ahead(self.coming, self.helper)
        self.animal.train()
        prediction = self.animal(batch, progress, generator)
        rendering = self.animal.render(prediction, self.renderer, config.size)
        return Step(self.step, progress, self.animal, batch, prediction, rendering, self.renderer, generator)

    def _batch(self, step: int) -> Batch:
        rows, flipped = drawn(len(self.crops), self.config.batch, step, self.config.seed)
        return self.crops.batch(rows, flipped if self.config.mirror else None)

    def _check(self, values: dict[str, Tensor]) -> None:
        finite = torch.stack(list(values.values())).isfinite()
        if finite.all():
            return
        name = next(name for name, good in zip(values, finite.tolist(), strict=True) if not good)
        raise TrainingDiverged(
            f"loss term {name} is {values[name].item()} at step {self.step}; {self._newest()}; "
            "lower the learning rates or that term's weight"
        )

    def _update(self) -> Tensor:
        """Clip and step; a non-finite gradient changes nothing and is counted."""
        # Each group is clipped on its own: the viewpoint scores start with errors of 10^2 and would drown the shape.
        clipped = torch.nn.utils.clip_grad_norm_
        norms = [clipped(group["params"], self.config.clip) for group in self.optimizer.param_groups]
        norm = torch.stack(norms).norm()
        factor = self.config.decay.at(self.progress)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.whole = False
        if norm.isfinite():
            self.optimizer.step()
        else:
            self.skipped += 1
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.whole = True
        if self.skipped > SKIPS + SKIP_SHARE * self.step:
            raise TrainingDiverged(
                f"{self.skipped} of {self.step} steps had a non-finite gradient; {self._newest()}; "
                "lower the learning rates"
            )
        return norm.detach().nan_to_num(0, 0, 0)

    def _tell(self, step: Step, last: bool) -> None:
        self.values = {**self.meter.read(), "skipped": float(self.skipped)}
        logger.info("%s", line(self.step, self.config.steps, self.values, SHOWN))
        pictured = last or self.step % self.config.panel_every == 0
        self.report(self.step, self.values, self._panel(step) if pictured else None)

    def _panel(self, step: Step) -> UInt8[ndarray, "height width 3"]:
        batch = self.crops.batch(torch.arange(min(ROWS, len(self.crops))))
        return panel(self.animal, self.renderer, batch, step.progress, self.virtual)

    def _newest(self) -> str:
        return f"the last whole checkpoint is of step {self.saved}" if self.saved else "there is no checkpoint yet"
