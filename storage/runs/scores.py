"""The table of an evaluation as it is stored: one record for each metric and method."""

import json
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from storage.store.errors import CorruptArtifact, words
from storage.store.references import Record

START = "start without this training"
"""The method name of the model before its training, measured on the same examples."""


class Score(Record):
    """One metric of one method, over the examples whose truth is known."""

    metric: str
    unit: str
    better: Literal["higher", "lower"]
    method: str = Field(description="the run, or the name of the baseline")
    mean: float
    spread: float = Field(description="standard deviation")
    count: int
    protocol: str = Field(description="how it was measured")


def by_metric(scores: Iterable[Score]) -> list[dict[str, str | float]]:
    """One row for each metric with a column for each method, empty where it was not measured, and the protocol last.

    Means have three digits, as many as the spread lets one believe.
    """
    scores = list(scores)
    methods, first = dict.fromkeys(score.method for score in scores), dict[str, Score]()
    for score in scores:
        first.setdefault(score.metric, score)
    means = {(score.metric, score.method): float(f"{score.mean:.3g}") for score in scores}
    return [
        {"metric": f"{metric}, {score.unit}", "better": score.better}
        | {method: means.get((metric, method), "") for method in methods}
        | {"protocol": score.protocol}
        for metric, score in first.items()
    ]


_TABLE: TypeAdapter[list[Score]] = TypeAdapter(list[Score])


def encode_scores(scores: Iterable[Score]) -> bytes:
    """A table as JSON."""
    return json.dumps([score.model_dump() for score in scores], indent=1).encode()


def decode_scores(data: bytes, where: str) -> list[Score]:
    """The table in a file that was read at `where`.

    Raises CorruptArtifact if it is none.
    """
    try:
        return _TABLE.validate_json(data)
    except ValidationError as error:
        raise CorruptArtifact(where, f"is no table of scores ({words(error)})", "evaluate the model again") from error
