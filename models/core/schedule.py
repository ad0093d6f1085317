"""Values that change over a training run."""

from bisect import bisect_right
from typing import Annotated

from pydantic import Field, RootModel, field_validator

Share = Annotated[float, Field(ge=0, le=1)]


class Schedule(RootModel[float | dict[Share, float]]):
    """A number, or knots {share of the run: value} joined by straight lines and held flat outside.

    Shares make one schedule serve runs of any length: `{0.5: 0, 0.55: 1}` ramps up from half-way.
    """

    model_config = {"frozen": True}

    @field_validator("root")
    @classmethod
    def _needs_a_knot(cls, root: float | dict[float, float]) -> float | dict[float, float]:
        if isinstance(root, dict) and not root:
            raise ValueError("schedule has no knots; give a number or {share of the run: value}")
        return root

    def __hash__(self) -> int:
        """Equal schedules have the same; configurations that hold one can be looked up by it."""
        return hash(frozenset(self.root.items()) if isinstance(self.root, dict) else self.root)

    def at(self, progress: float) -> float:
        """The value at a share `progress` in [0, 1] of the run."""
        if not isinstance(self.root, dict):
            return float(self.root)
        knots = sorted(self.root.items())
        right = bisect_right([share for share, _ in knots], progress)
        if right == 0:
            return knots[0][1]
        if right == len(knots):
            return knots[-1][1]
        (left_share, left_value), (right_share, right_value) = knots[right - 1], knots[right]
        blend = (progress - left_share) / (right_share - left_share)
        return left_value + blend * (right_value - left_value)
