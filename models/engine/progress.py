"""What a person reads while a model trains: one fixed line per report."""

import time

from jaxtyping import Float
from torch import Tensor


class Meter:
    """Means of the values since the last report, and the speed."""

    def __init__(self) -> None:
        """Empty, with the clock running."""
        self._reset()

    def _reset(self) -> None:
        self._sums: dict[str, Float[Tensor, ""] | float] = {}
        self._counts: dict[str, int] = {}
        self._steps, self._since = 0, time.monotonic()

    def add(self, values: dict[str, Float[Tensor, ""] | float]) -> None:
        """Count one step; tensors stay on their device until `read`."""
        self._steps += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """The mean of each value over the steps that had it, and `steps_per_second`; starts anew."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        seconds = max(time.monotonic() - self._since, 1e-9)
        means["steps_per_second"] = self._steps / seconds
        self._reset()
        return means


def line(step: int, steps: int, values: dict[str, float], shown: tuple[str, ...]) -> str:
    """`step 01200/80000 | loss 0.412 | mask 0.120 sds 0.210 | 3.1 it/s | eta 6h12m`."""
    width = len(str(steps))
    terms = " ".join(f"{name} {values[name]:.3f}" for name in shown if name in values)
    rate = values["steps_per_second"]
    left = duration((steps - step) / rate)
    loss = f"loss {values['loss']:.3f}"
    return " | ".join(
        part for part in (f"step {step:0{width}}/{steps}", loss, terms, f"{rate:.1f} it/s", f"eta {left}") if part
    )


def duration(seconds: float) -> str:
    """`6h12m`, `4m09s` or `12s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 60}m{whole % 60:02}s" if whole >= 60 else f"{whole}s"
