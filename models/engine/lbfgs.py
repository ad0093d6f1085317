"""L-BFGS on many small problems at once (Nocedal and Wright 2006, algorithm 7.4): every row of a batch is its own.

Networks are trained by `models.engine.optimiser`; this is for what is fitted to one photo, a hundred numbers at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MEMORY = 10
SUFFICIENT = 1e-4
"""Share of the decrease that the slope promises which a step has to bring (Armijo)."""
TRIALS = 12
"""Steps along one direction that are tried, each at most half of the one before."""

Values = Float[Tensor, "rows numbers"]
PerRow = Float[Tensor, " rows"]


@dataclass(frozen=True)
class Minimum:
    """Where the descent ended."""

    values: Values
    energy: PerRow
    history: Float[Tensor, "steps rows"]
    """The energy before the first step and after each; it never increases."""


def minimise(
    energy: Callable[[Values], PerRow], start: Values, iterations: int, free: Bool[Tensor, " numbers"] | None = None
) -> Minimum:
    """Descend from `start`; of each row all numbers move, or those alone that are free.

    Raises ValueError if the energy of a start is not finite.
    """
    moving = torch.ones_like(start[0]) if free is None else free.to(start)

    def evaluate(values: Values) -> tuple[PerRow, Values]:
        with torch.enable_grad():
            leaf = values.detach().requires_grad_()
            total = energy(leaf)
            (slope,) = torch.autograd.grad(total.sum(), leaf)
        return total.detach(), slope * moving

    values, memory = start.detach(), _Memory()
    height, slope = evaluate(values)
    if not height.isfinite().all():
        raise ValueError(f"energies at the start are {height.tolist()}; start where all are finite")
    history = [height]
    for _ in range(iterations):
        direction = memory.direction(slope)
        uphill = (direction * slope).sum(1) >= 0
        direction = torch.where(uphill[:, None], -slope, direction)
        step = _first_step(slope, memory)
        taken, height, new_slope = _search(evaluate, (values, height, slope), direction, step)
        memory.add(taken - values, new_slope - slope)
        values, slope = taken, new_slope
        history.append(height)
    return Minimum(values, height, torch.stack(history))


def _first_step(slope: Values, memory: "_Memory") -> PerRow:
    """The whole step of a quasi-Newton direction; of a bare slope one of length 1 at most."""
    ones = torch.ones_like(slope[:, 0])
    return ones if memory.changes else ones / slope.norm(dim=1).clamp(min=1)


def _search(
    evaluate: Callable[[Values], tuple[PerRow, Values]],
    here: tuple[Values, PerRow, Values],
    direction: Values,
    step: PerRow,
) -> tuple[Values, PerRow, Values]:
    """Go back along each row's direction until it is lower enough; a row that never is stays where it was."""
    values, height, slope = here
    promised = (direction * slope).sum(1)
    best_values, best_height, best_slope = values, height, slope
    waiting = promised < 0
    for _ in range(TRIALS):
        if not waiting.any():
            break
        tried = values + step[:, None] * direction
        tried_height, tried_slope = evaluate(torch.where(waiting[:, None], tried, values))
        usable = tried_height.isfinite() & tried_slope.isfinite().all(1)
        lower = waiting & usable & (tried_height <= height + SUFFICIENT * step * promised)
        best_values = torch.where(lower[:, None], tried, best_values)
        best_height = torch.where(lower, tried_height, best_height)
        best_slope = torch.where(lower[:, None], tried_slope, best_slope)
        waiting = waiting & ~lower
        # The lowest point of the parabola through what is known.
        bend = 2 * (tried_height - height - step * promised)
        lowest = torch.where(usable & (bend > 0), -promised * step.square() / bend, 0 * step)
        step = torch.maximum(torch.minimum(lowest, 0.5 * step), 0.1 * step)
    return best_values, best_height, best_slope


class _Memory:
    """The last steps of each row and how the slope changed along them."""

    def __init__(self) -> None:
        self.changes: list[tuple[Values, Values, PerRow]] = []

    def add(self, moved: Values, turned: Values) -> None:
        """A step that met no upward curvature counts for nothing in its row."""
        curvature = (moved * turned).sum(1)
        good = curvature > 1e-10 * moved.norm(dim=1) * turned.norm(dim=1)
        inverse = torch.where(good, 1 / curvature.clamp(min=1e-30), torch.zeros_like(curvature))
        self.changes = [*self.changes, (moved, turned, inverse)][-MEMORY:]

    def direction(self, slope: Values) -> Values:
        """Minus the inverse curvature times the slope: the two loops."""
        rest, shares = slope, list[PerRow]()
        for moved, turned, inverse in reversed(self.changes):
            share = inverse * (moved * rest).sum(1)
            rest = rest - share[:, None] * turned
            shares.append(share)
        rest = rest * self._scale(slope)[:, None]
        for (moved, turned, inverse), share in zip(self.changes, reversed(shares), strict=True):
            back = inverse * (turned * rest).sum(1)
            rest = rest + (share - back)[:, None] * moved
        return -rest

    def _scale(self, slope: Values) -> PerRow:
        """Of the newest step of each row that met curvature."""
        scale = torch.ones_like(slope[:, 0])
        for _, turned, inverse in self.changes:
            newest = 1 / (inverse * turned.square().sum(1)).clamp(min=1e-30)
            scale = torch.where(inverse > 0, newest, scale)
        return scale
