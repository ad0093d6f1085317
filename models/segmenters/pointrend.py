"""Embedded PointRend (Kirillov et al. 2020): coarse masks, refined by a small network where they are uncertain.

The semantic variant of the paper's section 4.2; an instance is one connected region of one animal. Legend of shapes:
classes are the background and the animals, points are (x, y) in [-1, 1] as in `grid_sample`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from models.core.config import Config
from models.core.hub import check_files
from models.core.weights import digest, locate, report_missing_weights

Logits = Float[Tensor, "batch classes rows columns"]
Points = Float[Tensor, "batch count 2"]
Features = Float[Tensor, "batch _channels _height _width"]
"""A fine feature map of any resolution."""
COARSE = 4
"""Pixels to a cell of the coarse prediction."""


@dataclass(frozen=True)
class Instance:
    """One animal in a picture."""

    mask: Bool[ndarray, "height width"]
    score: float
    """How sure the segmenter is that this is an animal, in [0, 1]; embedded: mean over its pixels."""
    label: str


class PointRendConfig(Config):
    """The embedded segmenter."""

    kind: Literal["pointrend"] = "pointrend"
    weights: str = Field(default="weights/pointrend", description="folder with config.json and model.safetensors")
    points: int = Field(default=768, ge=0, description="uncertain points asked at every doubling; 0 is the coarse mask")
    known: int = Field(default=128, ge=16, description="longer side to which pictures of up to twice that are brought")
    smallest: float = Field(default=0.005, ge=0, le=1, description="share of the picture below which a region is noise")
    least_chance: float = Field(
        default=0.4, ge=0, le=1, description="probability of an animal from which a pixel is of one"
    )
    least_score: float = Field(default=0.65, ge=0, le=1, description="score below which a region is no animal")
    other: float = Field(default=30.0, ge=1, description="times another animal must be likelier than those asked for")

    def digest(self) -> str:
        """Digest of the weights, on which the masks depend besides this config."""
        return digest(locate(self.weights), None)

    def classes(self) -> tuple[str, ...]:
        """The animals that these weights know.

        Raises MissingWeights where the folder is absent or broken.
        """
        self.check_available("cpu")
        folder = Path(locate(self.weights))
        with report_missing_weights(str(folder), "PointRend"):
            return tuple(json.loads((folder / "config.json").read_text())["labels"])

    def check_available(self, device: str) -> None:
        """Raises MissingWeights where the folder is absent or lacks a file."""
        check_files(self.weights, "config.json", "model.safetensors")

    def build(self, device: torch.device) -> "PointRend":
        """Raises MissingWeights where the folder is absent or broken."""
        from safetensors.torch import load_file

        folder = Path(locate(self.weights))
        with report_missing_weights(str(folder), "PointRend"):
            names = json.loads((folder / "config.json").read_text())
            network = PointNetwork(tuple(names["labels"]), names["width"])
            network.load_state_dict(load_file(folder / "model.safetensors"))
        return PointRend(self, network.to(device).eval())


def _block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions beside the identity (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _block(channels, channels), _block(channels, channels)[:2]

    def forward(self, values: Features) -> Features:
        return (values + self.second(self.first(values))).relu()


class PointNetwork(nn.Module):
    """Backbone, top-down pyramid (Lin et al. 2017), coarse head and point head."""

    def __init__(self, labels: tuple[str, ...], width: int) -> None:
        """`labels` are the animals; `width` the channels at half resolution."""
        super().__init__()
        self.labels, self.width = labels, width
        classes = len(labels) + 1
        self.stem = nn.Sequential(_block(3, width, 2), _block(width, width))
        self.middle = nn.Sequential(_block(width, 2 * width, 2), _block(2 * width, 2 * width))
        self.deep = nn.Sequential(_block(2 * width, 4 * width, 2), _Residual(4 * width))
        self.deepest = nn.Sequential(_block(4 * width, 8 * width, 2), _Residual(8 * width), _Residual(8 * width))
        self.context = nn.Linear(8 * width, 8 * width)
        self.lateral = nn.ModuleList(_block(factor * width, 4 * width, kernel=1) for factor in (2, 4, 8))
        self.merge, self.join = _block(4 * width, 4 * width), _block(4 * width, 4 * width)
        self.coarse = nn.Conv2d(4 * width, classes, 1)
        self.point = nn.Sequential(
            nn.Conv1d(7 * width + classes, 96, 1), nn.ReLU(inplace=True),
            nn.Conv1d(96, 96, 1), nn.ReLU(inplace=True),
            nn.Conv1d(96, classes, 1),
        )  # fmt: skip

    def forward(self, image: Float[Tensor, "batch 3 height width"]) -> tuple[Logits, list[Features]]:
        """Coarse logits and the fine feature maps, for pictures in [0, 1]."""
        half = self.stem(image - 0.5)
        quarter = self.middle(half)
        eighth = self.deep(quarter)
        deepest = self.deepest(eighth)
        deepest = deepest + self.context(deepest.mean((2, 3)))[..., None, None]
        fine, middle, low = (
            lateral(values) for lateral, values in zip(self.lateral, (quarter, eighth, deepest), strict=True)
        )
        merged = self.merge(middle + interpolate(low, middle.shape[-2:], mode="bilinear"))
        joined = self.join(fine + interpolate(merged, fine.shape[-2:], mode="bilinear"))
        return self.coarse(joined), [half, quarter, joined]

    def refine(self, coarse: Logits, fine: list[Features], points: Points) -> Float[Tensor, "batch classes count"]:
        """Logits at points, from fine features and the coarse prediction there."""
        return self.point(torch.cat([sample(values, points) for values in (*fine, coarse)], 1))


def sample(
    values: Float[Tensor, "batch channels rows columns"], points: Points
) -> Float[Tensor, "batch channels count"]:
    """Bilinear values of a map at points."""
    return grid_sample(values, points[:, :, None].to(values), align_corners=False, padding_mode="border")[..., 0]


def uncertainty(logits: Float[Tensor, "batch classes *points"]) -> Float[Tensor, "batch *points"]:
    """Closeness of the two likeliest classes: 0 is a tie, lower is surer (the paper's section 3.1)."""
    best = logits.topk(2, 1).values
    return best[:, 1] - best[:, 0]


def subdivide(
    network: PointNetwork, image: Float[Tensor, "batch 3 height width"], points: int
) -> Float[Tensor, "batch classes height width"]:
    """Logits doubled to full size; at each doubling the point head answers for the least certain points."""
    coarse, fine = network(image)
    logits = coarse
    while logits.shape[-1] < image.shape[-1]:
        logits = interpolate(logits, scale_factor=2.0, mode="bilinear")
        rows, columns = logits.shape[-2:]
        count = min(points, rows * columns)
        if not count:
            continue
        index = uncertainty(logits).flatten(1).topk(count).indices
        x, y = (index % columns + 0.5) / columns, (index // columns + 0.5) / rows
        refined = network.refine(coarse, fine, torch.stack((x, y), -1) * 2 - 1)
        flat = logits.flatten(2).scatter(2, index[:, None].expand_as(refined), refined.to(logits))
        logits = flat.view_as(logits)
    return logits


class PointRend:
    """The trained network on a device."""

    def __init__(self, config: PointRendConfig, network: PointNetwork) -> None:
        """`network` is in evaluation mode."""
        self.config, self.network = config, network

    @torch.no_grad()
    def segment(self, images: UInt8[ndarray, "batch height width 3"], classes: tuple[str, ...]) -> list[list[Instance]]:
        """The animals of these classes in every picture, likeliest first."""
        unknown = [name for name in classes if name not in self.network.labels]
        if unknown:
            known = ", ".join(self.network.labels)
            raise ValueError(f"segment_as: {unknown[0]!r} is not a class of these weights; they know {known}")
        return [self._instances(image, classes) for image in images]

    def _instances(self, image: UInt8[ndarray, "height width 3"], classes: tuple[str, ...]) -> list[Instance]:
        device = next(self.network.parameters()).device
        picture = torch.from_numpy(image).to(device).permute(2, 0, 1)[None] / 255
        height, width = picture.shape[-2:]
        scale = self.config.known / max(height, width)
        scale = 1.0 if scale < 0.5 else scale
        padded = interpolate(picture, [-(-round(scale * side) // 16) * 16 for side in (height, width)], mode="bilinear")
        logits = subdivide(self.network, padded, self.config.points)
        chance = interpolate(logits, (height, width), mode="bilinear").softmax(1)[0].cpu().numpy()
        return sorted(self._regions(chance, classes), key=lambda instance: -instance.score)

    def _regions(self, chance: Float[ndarray, "classes height width"], classes: tuple[str, ...]) -> list[Instance]:
        """Connected regions that are surely enough of animals, each of the class with the highest mean probability;
        the classes asked for have the benefit of the doubt."""
        from scipy.ndimage import label

        asked = np.array([name in classes for name in self.network.labels])
        animal = chance[0] < 1 - self.config.least_chance
        regions, count = label(animal)  # pyright: ignore[reportGeneralTypeIssues]
        instances: list[Instance] = []
        for index in range(1, count + 1):
            mask = regions == index
            if mask.mean() < self.config.smallest:
                continue
            votes = chance[1:, mask].mean(1)
            score = float(votes.sum())
            name = self.network.labels[int(np.argmax(np.where(asked, self.config.other * votes, votes)))]
            if name in classes and score >= self.config.least_score:
                instances.append(Instance(mask, score, name))
        return instances
