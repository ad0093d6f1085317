"""A species' own shape on top of what was learnt: the mean of what refinement changes in its photos.

One photo shows a front, a side or a back, and refinement bends the predicted animal to what it shows. What most photos
of a species ask for is its own: the deformation network learns to answer that in addition. No picture is rendered for
it but those of the refinement.
"""

import logging
from collections.abc import Mapping
from copy import deepcopy

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from models.core.config import Config
from models.core.schedule import Schedule
from models.data.crops import Crops, batch_rows, random
from models.data.parts import Part
from models.engine.loop import Panel, Values
from models.engine.optimiser import Optimiser
from models.engine.process_group import process_count, process_rank
from models.methods.magicpony.panels import ROWS, panel
from models.methods.magicpony.refine import Refined

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Crops that are refined at a time."""


class ShapeFitting(Config):
    """How many photos, how far, how long and how fast."""

    steps: int = Field(default=0, ge=0, description="optimiser steps of the deformation network; 0 for none")
    photos: int = Field(default=192, ge=1, description="crops that are refined, spread evenly over the training set")
    gain: float = Field(
        default=2.0, gt=0, description="factor on their mean change, which the refinement's penalty holds back"
    )
    batch: int = Field(default=16, ge=1, description="crops per step")
    vertices: int = Field(default=1024, ge=1, description="vertices of each per step")
    rate: float = Field(default=2e-3, gt=0, description="first learning rate of Adam")
    lr_schedule: Schedule = Field(default=Schedule({0.0: 1.0, 1.0: 0.0}), description="factor on the learning rate")


class ShapeLearner:
    """Adam over the deformation network, whose answers move by the mean change of shape."""

    def __init__(self, method: Refined, crops: Crops, config: ShapeFitting, seed: int) -> None:
        """The animal of `method` learns in place."""
        self.animal, self.renderer, self.config, self.seed = method.animal.eval(), method.renderer, config, seed
        self.rows = torch.linspace(0, len(crops) - 1, min(config.photos, len(crops))).round().long()
        self.crops, self.before = crops, deepcopy(self.animal.deformation).requires_grad_(False)
        self.vertices = self.animal.prior.mesh(1.0, None).vertices[0].detach()
        self.codes, self.change = self._look(method)
        adam = torch.optim.Adam(self.animal.deformation.parameters(), lr=config.rate)
        self.optimiser = Optimiser(adam, config.lr_schedule)
        self.part = Part(process_rank(), process_count())
        """What this process computes of every batch."""

    @torch.no_grad()
    def _look(self, method: Refined) -> tuple[Float[Tensor, "crops code"], Float[Tensor, "vertices 3"]]:
        """The image codes of the crops, and their mean change of shape."""
        codes, change = [], torch.zeros_like(self.vertices)
        for rows in self.rows.split(AT_ONCE):
            batch = self.crops.batch(rows)
            codes.append(self.animal.key_code(self.animal.tokens(batch, False)[1]))
            predicted, fitted = method.fit_geometry(batch)
            change += (fitted.rest.vertices - predicted.rest.vertices).sum(0)
            logger.info("refined %d of %d photos", sum(map(len, codes)), len(self.rows))
        return torch.cat(codes), change / len(self.rows)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The animal."""
        return {"animal": self.animal}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One Adam."""
        return {"animal": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        rows, _ = map(self.part.of, batch_rows(len(self.rows), self.config.batch, number, self.seed))
        generator = random(self.seed, "shape", number)
        seen = torch.randint(len(self.vertices), (self.config.vertices,), generator=generator)
        points, codes = self.vertices[seen], self.codes[rows]
        with torch.no_grad():
            wanted = self.before(points, codes) + self.config.gain * self.change[seen]
        error = (self.animal.deformation(points, codes) - wanted).norm(dim=-1).mean()
        norm = self.optimiser.update(error, progress)
        return {"loss": error.detach(), "gradient_norm": norm}

    def panel(self, progress: float) -> Panel:
        """The first crops of the training set, as the animal answers them now."""
        batch = self.crops.batch(torch.arange(min(ROWS, len(self.crops))))
        return panel(self.animal, self.renderer, batch, 1.0, [])
