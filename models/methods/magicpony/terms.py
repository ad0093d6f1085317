"""The objective of a training is a table of terms; this is the table's row, and how a table is summed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from models.core.schedule import Schedule
from models.data.batch import Batch
from models.geometry.cameras import Camera
from models.geometry.mesh import Mesh
from models.methods.magicpony.losses import reconstruction, viewpoints
from models.methods.magicpony.model import Animal
from models.methods.magicpony.state import Prediction
from models.rendering import Renderer
from models.rendering.types import Light, Rendering


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
    renderer: Renderer
    generator: torch.Generator
    notes: dict[str, float] = field(default_factory=dict)
    pictures: list[tuple[str, Tensor]] = field(default_factory=list)
    """Caption and picture (size x size x 3, in [0, 1])."""

    def render(
        self, prediction: Prediction, size: int, camera: Camera | None = None, light: Light | None = None
    ) -> Rendering:
        """`animal.render` with this run's renderer."""
        return self.animal.render(prediction, self.renderer, size, camera, light)

    @torch.no_grad()
    def silhouettes(self, mesh: Mesh, camera: Camera, size: int) -> Float[Tensor, "cameras size size"]:
        """1 where an animal is; consecutive cameras look at the same animal, or all of them at the only one."""
        vertices = mesh.vertices.repeat_interleave(len(camera) // len(mesh), 0)
        return (self.renderer.rasterize(camera.to_clip(vertices), mesh.faces, size).face >= 0).to(vertices)


@dataclass(frozen=True)
class Term:
    """One row: `function(step)` is a scalar, or one error per image, or None while the part it judges is absent."""

    name: str
    function: Callable[[Step], Tensor | None]
    weight: Schedule
    hypothesis_weight: Schedule = Schedule(0.0)
    """Weight of a per-image error in the target of the viewpoint scores (MagicPony; fidelity F12)."""
    every: int = 1
    """Steps between evaluations."""

    def due(self, step: Step) -> bool:
        """Whether the row counts at this step."""
        return (
            step.number % self.every == 0
            and max(self.weight.at(step.progress), self.hypothesis_weight.at(step.progress)) > 0
        )


@dataclass(frozen=True)
class Objective:
    """A table of terms, and what the viewpoint scores learn."""

    terms: tuple[Term, ...]
    hypothesis: Schedule
    """Weight of the scores' own loss."""
    relative_error: Callable[[Step], Float[Tensor, "batch hypotheses"]] | None
    """How much worse than the taken viewpoint each one is, by the silhouette error alone; None: the taken one alone
    learns its score, as in the authors' code."""

    def loss(self, step: Step) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The weighted sum, and the mean value of each row that was due.

        Per-image errors count by the probability of the viewpoint that was taken, so that unlikely ones hardly train
        the shape; their sum under the `hypothesis_weight`s is what that viewpoint's score learns to predict.
        """
        values: dict[str, Tensor] = {}
        total = error = torch.zeros_like(step.prediction.score)
        for term in self.terms:
            value = term.function(step) if term.due(step) else None
            if value is None:
                continue
            values[term.name] = value.detach().mean()
            if value.ndim:
                error = error + term.hypothesis_weight.at(step.progress) * value.detach()
                value = reconstruction.by_probability(value, step.prediction)
            total = total + term.weight.at(step.progress) * value
        total = total.mean()
        if step.prediction.alternatives is not None:
            score_error = self._score_error(step, error)
            values["hypothesis"] = score_error.detach()
            total = total + self.hypothesis.at(step.progress) * score_error
        return total, values

    def _score_error(self, step: Step, error: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Squared error of the scores that learn at this step."""
        prediction = step.prediction
        if self.relative_error is None or prediction.alternatives is None:
            return (prediction.score - error.detach()).square().mean()
        return viewpoints.hypothesis(prediction.alternatives, error, self.relative_error(step))
