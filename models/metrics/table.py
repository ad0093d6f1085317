"""The table that an evaluation fills: metrics down, methods across."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from models.core.config import Config
from models.metrics.chamfer import ANIMODEL, ChamferConfig
from models.metrics.keypoints import PckConfig
from models.metrics.outcomes import Outcome
from models.truth.examples import Example

Pairs = Sequence[tuple[Example, Outcome]]


class EvaluationConfig(Config):
    """Settings of all protocols; the defaults suit a laptop, `PAPER` has the published constants."""

    chamfer: ChamferConfig = Field(default=ChamferConfig(), description="distance of surfaces to the true ones")
    pck: PckConfig = Field(default=PckConfig(), description="keypoints carried from one photo to another")
    batch: int = Field(default=10, gt=0, description="crops predicted together")


PAPER = EvaluationConfig(chamfer=ANIMODEL)


@dataclass(frozen=True)
class Metric:
    """One row to be: its values are one number per example, nan where the truth or the answer is missing."""

    name: str
    unit: str
    better: Literal["higher", "lower"]
    protocol: str
    """Says how; `{c}` is the `EvaluationConfig`."""
    values: Callable[[Pairs, EvaluationConfig], Sequence[float]]


@dataclass(frozen=True)
class Score:
    """Mean and standard deviation over the examples (for PCK: keypoints) that have the truth."""

    mean: float
    spread: float
    count: int


@dataclass(frozen=True)
class Row:
    """One metric for every method that can be measured by it."""

    metric: str
    unit: str
    better: Literal["higher", "lower"]
    protocol: str
    scores: dict[str, Score]


@dataclass(frozen=True)
class Evaluation:
    """All rows."""

    rows: tuple[Row, ...]

    def table(self) -> list[dict[str, str | float]]:
        """Flat records, one per metric and method."""
        return [
            {"metric": row.metric, "unit": row.unit, "better": row.better, "method": method}
            | {"mean": score.mean, "spread": score.spread, "count": score.count, "protocol": row.protocol}
            for row in self.rows
            for method, score in row.scores.items()
        ]


def mean_scores(metric: Metric, columns: Mapping[str, Pairs], config: EvaluationConfig) -> Row:
    """The row of one metric; a method without any value is left out."""
    scores = {}
    for method, pairs in columns.items():
        values = np.asarray(metric.values(pairs, config), float)
        known = values[np.isfinite(values)]
        if len(known):
            scores[method] = Score(float(known.mean()), float(known.std()), len(known))
    return Row(metric.name, metric.unit, metric.better, metric.protocol.format(c=config), scores)
