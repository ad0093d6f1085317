"""Training of the animal model on crops: what one step of the loop does."""

from collections.abc import Mapping
from concurrent.futures import Executor

import torch
from pydantic import Field, model_validator
from torch import Tensor

from models.core.schedule import Schedule
from models.data.augmentation import Augmentation
from models.data.batch import Batch
from models.data.crops import Crops, batch_rows, random
from models.data.parts import Part
from models.engine.loop import LoopConfig, Panel, Values
from models.engine.optimiser import Optimiser
from models.engine.process_group import process_count, process_rank
from models.methods.magicpony.model import Animal, Bf16
from models.methods.magicpony.panels import ROWS, panel
from models.methods.magicpony.terms import Objective, Step
from models.rendering import Renderer


class TrainingConfig(LoopConfig):
    """How long, how fast, and at what resolution."""

    batch: int = Field(default=4, ge=1, description="crops per step, of all processes together")
    accumulate: int = Field(
        default=1, ge=1, description="parts of a batch that are computed one after the other, where memory is short"
    )
    bf16: Bf16 = Field(
        default="fields",
        description="what computes in bfloat16 where the device has it: nothing, the coordinate fields, or the "
        "transformer and its heads as well",
    )
    size: int = Field(default=96, ge=16, description="training resolution in pixels")
    rate_shape: float = Field(default=1e-3, gt=0, description="learning rate of what all animals share")
    rate_pose: float = Field(default=1e-4, gt=0, description="learning rate of the viewpoint network")
    rate_rest: float = Field(default=7e-4, gt=0, description="learning rate of everything else")
    lr_schedule: Schedule = Field(default=Schedule({0.6: 1.0, 1.0: 0.1}), description="factor on all learning rates")
    clip: float | None = Field(
        default=1.0, gt=0, description="largest norm of the gradient of each of the three; none: as it comes"
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="how the crops that the encoder sees are corrupted"
    )

    @model_validator(mode="after")
    def _parts_are_equal(self) -> "TrainingConfig":
        if self.batch % self.accumulate:
            raise ValueError(
                f"accumulate is {self.accumulate} and batch is {self.batch}, which has no {self.accumulate} equal "
                "parts; give a batch that is a multiple of accumulate"
            )
        return self


class AnimalLearner:
    """Draws crops, predicts, renders, sums the objective and steps Adam."""

    def __init__(  # noqa: PLR0913 - what a training is made of, named at every call
        self,
        animal: Animal,
        objective: Objective,
        config: TrainingConfig,
        crops: Crops,
        renderer: Renderer,
        helper: Executor,
    ) -> None:
        """`helper` is another thread, for the frozen ViT: its answers for the next step do not depend on this one."""
        self.animal, self.objective, self.config = animal, objective, config
        self.crops, self.renderer, self.helper = crops, renderer, helper
        groups = animal.parameter_groups()
        rates = {"shape": config.rate_shape, "pose": config.rate_pose, "rest": config.rate_rest}
        adam = torch.optim.Adam([{"params": groups[name], "lr": rate} for name, rate in rates.items()], fused=True)
        self.optimiser = Optimiser(adam, config.lr_schedule, config.clip)
        self.virtual_views: list[tuple[str, Tensor]] = []
        """Captions and pictures of the newest views shown to a diffusion model."""
        self.next_batch: Batch | None = None
        animal.use_bf16(config.bf16)
        first, count = process_rank() * config.accumulate, process_count() * config.accumulate
        self.parts = [Part(number, count) for number in range(first, first + config.accumulate)]
        """What this process computes of every batch."""

    @property
    def modules(self) -> Mapping[str, Animal]:
        """The animal model."""
        return {"animal": self.animal}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One Adam over three groups."""
        return {"animal": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        losses: list[Values] = []
        notes: list[Values] = []
        pictures: list[tuple[str, Tensor]] = []
        for place in range(len(self.parts)):
            step = self._forward(number, progress, place)
            loss, values = self.objective.loss(step)
            (loss / len(self.parts)).backward()
            losses.append({"loss": loss.detach(), **values})
            notes.append({**step.notes})
            pictures += step.pictures
        norm = self.optimiser.apply(progress)
        self.virtual_views = pictures or self.virtual_views
        return {**_means(losses), "gradient_norm": norm, **_means(notes)}

    def panel(self, progress: float) -> Panel:
        """The first crops of the training set, always the same, and the newest virtual views."""
        batch = self.crops.batch(torch.arange(min(ROWS, len(self.crops))))
        return panel(self.animal, self.renderer, batch, progress, self.virtual_views)

    def _forward(self, number: int, progress: float, place: int) -> Step:
        generator = random(self.config.seed, "step", number, part=self.parts[place])
        batch, self.next_batch = self.next_batch, None
        if batch is None:
            batch = self._batch(number, place)
        later = (number, place + 1) if place + 1 < len(self.parts) else (number + 1, 0)
        if later[0] < self.config.steps:
            self.next_batch = self._batch(*later)
            self.animal.tokens.prefetch(self.next_batch, self.helper)
        self.animal.train()
        prediction = self.animal(batch, progress, generator)
        rendering = self.animal.render(prediction, self.renderer, self.config.size)
        return Step(number, progress, self.animal, batch, prediction, rendering, self.renderer, generator)

    def _batch(self, step: int, place: int) -> Batch:
        rows, flipped = map(
            self.parts[place].of, batch_rows(len(self.crops), self.config.batch, step, self.config.seed)
        )
        return self.crops.batch(rows, flipped)


def _means(parts: list[Values]) -> Values:
    """The mean of each value over the parts of a batch."""
    return {name: sum(values[name] for values in parts) / len(parts) for name in parts[0]}
