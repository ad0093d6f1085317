"""An optimiser with a rate schedule, with clipping, and with steps that a gradient which is not finite leaves out."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from models.core.schedule import Schedule
from models.engine.process_group import average_gradients

CONSTANT = Schedule(1.0)


@runtime_checkable
class LrSchedule(Protocol):
    """A factor on learning rates that changes over the run."""

    def at(self, progress: float) -> float:
        """The factor at a share `progress` in [0, 1] of the run."""
        ...


class Optimiser:
    """Steps a `torch.optim.Optimizer`; a gradient that is not finite changes nothing and is counted in `skipped`.

    Each parameter group is clipped on its own: a group with large gradients does not shrink the steps of the others.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, lr_schedule: LrSchedule = CONSTANT, clip: float | None = 1.0
    ) -> None:
        """`lr_schedule` multiplies the groups' own rates; `clip` is the largest norm of each group's gradient."""
        self.optimizer, self.lr_schedule, self.clip = optimizer, lr_schedule, clip
        self.rates: list[float] = [group["lr"] for group in optimizer.param_groups]
        self.skipped = 0
        self.touched = False
        """Whether weights have changed since `settle`: between the two a checkpoint would be torn."""

    def update(self, loss: Float[Tensor, ""], progress: float) -> Float[Tensor, ""]:
        """Backpropagate and step; returns the norm of the gradient before clipping, 0 where it was not finite."""
        loss.backward()
        return self.apply(progress)

    def apply(self, progress: float) -> Float[Tensor, ""]:
        """Step with the gradients that the parameters hold, and clear them; several processes step with their mean."""
        average_gradients(each for group in self.optimizer.param_groups for each in group["params"])
        largest = torch.inf if self.clip is None else self.clip
        clip = torch.nn.utils.clip_grad_norm_
        norm = torch.stack([clip(group["params"], largest) for group in self.optimizer.param_groups]).norm()
        factor = self.lr_schedule.at(progress)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.touched = True
        if norm.isfinite():
            self.optimizer.step()
        else:
            self.skipped += 1
        self.optimizer.zero_grad(set_to_none=True)
        return norm.detach().nan_to_num(0, 0, 0)

    def settle(self) -> None:
        """Say that a training step is over and its weights belong together."""
        self.touched = False

    def state_dict(self) -> dict[str, object]:
        """What a resumed run needs."""
        return {"optimizer": self.optimizer.state_dict(), "skipped": self.skipped}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from `state_dict`."""
        optimizer, skipped = state["optimizer"], state["skipped"]
        assert isinstance(optimizer, dict) and isinstance(skipped, int)
        self.optimizer.load_state_dict(optimizer)
        self.skipped = skipped
