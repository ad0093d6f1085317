"""A method is a table of terms; this is the table's row, and how a table is summed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from models.animal import Animal
from models.losses import reconstruction
from models.prediction import Batch, Prediction, Rendering
from models.schedule import Schedule


@dataclass(frozen=True)
class Step:
    """What a term may read at one training step, and where it leaves numbers and pictures for the report."""

    number: int
    progress: float
    """Share of the run that is done."""
    animal: Animal
    batch: Batch
    prediction: Prediction
    rendering: Rendering
    render: Callable[..., Rendering]
    """`animal.render` with this run's renderer: (prediction, size, camera, light)."""
    generator: torch.Generator
    notes: dict[str, float] = field(default_factory=dict)
    pictures: list[tuple[str, Tensor]] = field(default_factory=list)
    """Caption and picture (size x size x 3, in [0, 1])."""


@dataclass(frozen=True)
class Term:
    """One row: `function(step)` is a scalar, or one error per image, or None while the part it judges is absent."""

    name: str
    function: Callable[[Step], Tensor | None]
    weight: Schedule
    judge: Schedule = Schedule(0.0)
    """Weight of a per-image error in what the viewpoint scores learn to predict (facts 2.5)."""
    every: int = 1
    """Steps between evaluations."""

    def due(self, step: Step) -> bool:
        """Whether the row counts at this step."""
        return step.number % self.every == 0 and max(self.weight.at(step.progress), self.judge.at(step.progress)) > 0


@dataclass(frozen=True)
class Method:
    """A table of terms, and the weight of the viewpoint scores' own loss."""

    terms: tuple[Term, ...]
    hypothesis: Schedule

    def loss(self, step: Step) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The weighted sum, and the mean value of each row that was due.

        Per-image errors count by the probability of the viewpoint that was taken, so that unlikely ones hardly train
        the shape; their sum under the `judge` weights is what that viewpoint's score learns to predict.
        """
        values: dict[str, Tensor] = {}
        total = judged = torch.zeros_like(step.prediction.score)
        for term in self.terms:
            value = term.function(step) if term.due(step) else None
            if value is None:
                continue
            values[term.name] = value.detach().mean()
            if value.ndim:
                judged = judged + term.judge.at(step.progress) * value.detach()
                value = reconstruction.by_probability(value, step.prediction)
            total = total + term.weight.at(step.progress) * value
        error = reconstruction.hypothesis(step.prediction, judged)
        values["hypothesis"] = error.detach()
        return total.mean() + self.hypothesis.at(step.progress) * error, values
