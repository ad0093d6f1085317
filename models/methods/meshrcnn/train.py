"""Training of the mesh predictor: what one step of the loop does."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.crops import batch_rows, random
from models.engine.loop import LoopConfig, Panel, Values
from models.engine.optimiser import Optimiser
from models.geometry.mesh_batch import sample_surfaces
from models.methods.meshrcnn import losses
from models.methods.meshrcnn.model import Look, MeshPredictor
from models.methods.meshrcnn.state import Answers, Lessons

ROWS = 4
"""Crops in a panel."""


class LossWeights(Config):
    """Weights of the losses."""

    voxel: float = Field(default=1.0, ge=0, description="cross-entropy of the occupancy")
    depth: float = Field(default=1.0, ge=0, description="how deep the animal is")
    direction: float = Field(default=0.5, ge=0, description="direction of the camera")
    chamfer: float = Field(default=5.0, ge=0, description="squared distance of sampled points, after each stage")
    normal: float = Field(default=0.1, ge=0, description="normals of sampled points, after each stage")
    edge: float = Field(default=1.0, ge=0, description="squared length of the edges, after each stage")


class TrainingConfig(LoopConfig):
    """How long and how fast."""

    steps: int = Field(default=1300, ge=1, description="optimiser steps of the whole run")
    report_every: int = Field(default=20, ge=1, description="steps between reports")
    save_every: int = Field(default=50, ge=1, description="steps between checkpoints")
    batch: int = Field(default=16, ge=1, description="crops per step")
    refined: int = Field(default=4, ge=1, description="how many of them have their meshes refined")
    warm_up: int = Field(default=700, ge=0, description="first steps, in which nothing is refined")
    alone: float = Field(
        default=0.23,
        ge=0,
        lt=1,
        description="last share of the run, in which refinement alone learns, half of it from true voxels",
    )
    points: int = Field(default=1000, ge=1, description="points sampled on each surface")
    rate: float = Field(default=1e-3, gt=0, description="learning rate")
    lr_schedule: Schedule = Field(
        default=Schedule({0.46: 1.0, 0.765: 0.05, 0.77: 1.0, 0.86: 1.0, 1.0: 0.05}),
        description="factor on the learning rate",
    )

    @model_validator(mode="after")
    def _something_is_refined(self) -> "TrainingConfig":
        if self.warm_up >= self.steps:
            raise ValueError(f"warm_up is {self.warm_up}; give less than steps, {self.steps}")
        return self


class MeshLearner:
    """Draws lessons, predicts, and steps Adam."""

    def __init__(
        self, predictor: MeshPredictor, lessons: Lessons, weights: LossWeights, config: TrainingConfig
    ) -> None:
        """The predictor learns where it is."""
        self.predictor, self.lessons, self.weights, self.config = predictor, lessons, weights, config
        adam = torch.optim.Adam(predictor.parameters(), lr=config.rate)
        self.optimiser = Optimiser(adam, config.lr_schedule)

    @property
    def modules(self) -> Mapping[str, MeshPredictor]:
        """The predictor."""
        return {"predictor": self.predictor}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One Adam."""
        return {"predictor": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        config, weights = self.config, self.weights
        is_alone = progress >= 1 - config.alone
        count = config.refined if is_alone else config.batch
        answers = self.lessons.batch(*batch_rows(len(self.lessons), count, number, config.seed))
        with torch.set_grad_enabled(not is_alone):
            look = self.predictor.look(answers.image, answers.mask)
        terms = {
            "voxel": (weights.voxel, losses.voxel_loss(look.logits, answers.occupied)),
            "depth": (weights.depth, losses.depth_loss(look.depth, answers.depth)),
            "direction": (weights.direction, losses.direction_loss(look.direction, answers.direction)),
        }
        if number >= config.warm_up:
            generator, known = random(config.seed, "step", number), count // 2 if is_alone else 0
            look = look.with_truth(answers.occupied[:known], answers.depth[:known])
            chamfer, normal, edge = self._mesh_losses(look, answers, generator)
            terms |= {
                "chamfer": (weights.chamfer, chamfer),
                "normal": (weights.normal, normal),
                "edge": (weights.edge, edge),
            }
        loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        norm = self.optimiser.update(loss, progress)
        return {"loss": loss.detach(), **{name: value.detach() for name, (_, value) in terms.items()}, "norm": norm}

    def panel(self, progress: float) -> Panel:
        """Photos of the first lessons, how deep the voxels behind each pixel reach, and the same of the truth."""
        count = min(ROWS, len(self.lessons))
        answers = self.lessons.batch(torch.arange(count), torch.zeros(count, dtype=torch.bool))
        with torch.no_grad():
            look = self.predictor.look(answers.image, answers.mask)
        pictures = [_thickness(grid) for grid in (look.logits.sigmoid(), answers.occupied.float())]
        size = answers.image.shape[1]
        wide = [np.kron(picture, np.ones((size // picture.shape[-1],) * 2))[..., None] for picture in pictures]
        columns = [answers.image.cpu().numpy(), *(picture.repeat(3, -1) for picture in wide)]
        sheet = np.concatenate([np.concatenate(list(column), 0) for column in columns], 1)
        return (sheet.clip(0, 1) * 255).astype(np.uint8)

    def _mesh_losses(
        self, look: Look, answers: Answers, generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
        """Means over the stages; a crop without an occupied voxel is not asked."""
        rows = self.predictor.occupied(look).flatten(1).any(1).nonzero()[: self.config.refined, 0]
        if not len(rows):
            zero = next(self.predictor.stages.parameters()).sum() * 0
            return zero, zero, zero
        look = look.rows(rows)
        chosen = torch.randperm(answers.points.shape[1], generator=generator)[: self.config.points]
        known, known_normals = (part[rows][:, chosen] for part in (answers.points, answers.normals))
        terms = list[Tensor]()
        for meshes in self.predictor.refine(look, self.predictor.cubes(look)):
            points, normals = sample_surfaces(meshes, self.config.points, generator)
            surface = losses.surface_losses(points, normals, known, known_normals)
            terms.append(torch.stack((*surface, losses.edge_loss(meshes))))
        chamfer, normal, edge = torch.stack(terms).mean(0).unbind()
        return chamfer, normal, edge


def _thickness(grid: Float[Tensor, "batch columns rows layers"]) -> Float[np.ndarray, "batch rows columns"]:
    """Share of the layers that are occupied, twice as bright."""
    return (2 * grid.mean(-1)).transpose(1, 2).cpu().numpy()
