"""Stage 3, where the search starts from: a small network reads scale, shift and turn off a crop (CMR, section 2).

CMR's ResNet-18 from ImageNet is the frozen transformer here; the rest is as the paper has it: a convolution of stride
two, 200 numbers, and one layer each for scale, shift and quaternion.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

from models.core.schedule import Schedule
from models.data.crops import batch_rows
from models.engine.loop import LoopConfig, Values
from models.engine.optimiser import Optimiser
from models.features.vit import TokenMap, Vit
from models.methods.meshinversion.state import Pictures, Placement

NUMBERS = 200
AT_ONCE = 32
"""Crops that the transformer sees at a time."""


class CameraTrainingConfig(LoopConfig):
    """How long and how fast."""

    steps: int = Field(default=600, ge=1, description="optimiser steps of the whole run")
    report_every: int = Field(default=50, ge=1, description="steps between reports")
    save_every: int = Field(default=200, ge=1, description="steps between checkpoints")
    batch: int = Field(default=32, ge=1, description="crops per step")
    rate: float = Field(default=5e-4, gt=0, description="learning rate")
    lr_schedule: Schedule = Field(default=Schedule({0.5: 1.0, 1.0: 0.05}), description="factor on the learning rate")


class CameraHead(nn.Module):
    """Tokens of a crop, on the animal, to where the crop shows the animal."""

    def __init__(self, channels: int, cells: int) -> None:
        """`channels` of the tokens, of which there are `cells` along an edge."""
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels + 1, 128, 1), nn.LeakyReLU(0.2), nn.Conv2d(128, 128, 4, 2, 1), nn.LeakyReLU(0.2)
        )
        self.numbers = nn.Sequential(nn.Linear(128 * (cells // 2) ** 2, NUMBERS), nn.LeakyReLU(0.2))
        self.scale, self.shift, self.turn = (nn.Linear(NUMBERS, count) for count in (1, 2, 4))

    def forward(self, tokens: TokenMap, mask: Float[Tensor, "batch rows columns"]) -> Placement:
        """The scale is one at first, and never below zero."""
        seen = torch.cat((tokens * mask[:, None], mask[:, None]), 1)
        numbers = self.numbers(self.convolutions(seen).flatten(1))
        scale = (self.scale(numbers)[:, 0] + 1).relu() + 1e-3
        return Placement(scale, self.shift(numbers), normalize(self.turn(numbers), dim=1))


def see(
    vit: Vit, image: Float[Tensor, "batch size size 3"], mask: Float[Tensor, "batch size size"]
) -> tuple[TokenMap, Float[Tensor, "batch rows columns"]]:
    """Tokens of crops, and how much of each the animal covers."""
    tokens = vit.tokens(image)[0]
    return tokens, adaptive_avg_pool2d(mask[:, None], (tokens.shape[2], tokens.shape[3]))[:, 0]


def camera_loss(ours: Placement, known: Placement) -> dict[str, Float[Tensor, ""]]:
    """CMR, section 2.2: geodesic distance of the turns, squared error of scale and shift."""
    cosine = (ours.turn * normalize(known.turn, dim=1)).sum(1).abs()
    return {
        "turn": (1 - cosine).mean(),
        "scale": (ours.scale - known.scale).square().mean(),
        "shift": (ours.shift - known.shift).square().sum(1).mean(),
    }


class CameraLearner:
    """Steps the head on tokens that are computed once."""

    def __init__(self, head: CameraHead, pictures: Pictures, vit: Vit, config: CameraTrainingConfig) -> None:
        """Every crop is seen twice, the second time mirrored."""
        self.head, self.pictures, self.config = head, pictures, config
        self.device = next(vit.network.parameters()).device
        rows = torch.arange(len(pictures))
        seen = [[self._see(vit, some, mirrored) for some in rows.split(AT_ONCE)] for mirrored in (False, True)]
        self._tokens, self._masks = (
            torch.stack([torch.cat([part[number] for part in side]) for side in seen]) for number in (0, 1)
        )
        self.optimiser = Optimiser(torch.optim.Adam(head.parameters(), lr=config.rate), config.lr_schedule)

    def _see(self, vit: Vit, rows: Int[Tensor, " some"], mirrored: bool) -> tuple[TokenMap, Tensor]:
        crops = self.pictures.crops.batch(rows, torch.full((len(rows),), mirrored))
        tokens, cover = see(vit, crops.image.to(self.device), crops.mask.to(self.device))
        return tokens.half(), cover

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The head."""
        return {"head": self.head}

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """One Adam."""
        return {"head": self.optimiser}

    def step(self, number: int, progress: float) -> Values:
        """One optimiser step."""
        rows, flipped = batch_rows(len(self.pictures), self.config.batch, number, self.config.seed)
        side = flipped.long()
        known = self.pictures.placement.rows(rows).mirrored(flipped).to(self.device)
        ours = self.head(self._tokens[side, rows].float(), self._masks[side, rows])
        terms = camera_loss(ours, known)
        loss = torch.stack(list(terms.values())).sum()
        norm = self.optimiser.update(loss, progress)
        return {"loss": loss.detach(), **{name: value.detach() for name, value in terms.items()}, "norm": norm}

    def panel(self, progress: float) -> None:
        """There is nothing to see."""
