"""What walks through the noise levels of a diffusion model: the schedulers of `diffusers` that one model can take."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_utils import SchedulerMixin

UNSEEDED = {"DPMSolverSDEScheduler"}
"""Samplers whose noise does not come from the seeds of the pictures."""


def sampler_class(name: str, own: "SchedulerMixin") -> "type[SchedulerMixin]":
    """The sampler of that name. Raises ValueError for one that cannot walk through the noise levels of `own`."""
    known = {sampler.__name__: sampler for sampler in own.compatibles if sampler.__name__ not in UNSEEDED}
    if name not in known:
        raise ValueError(
            f"generator.sampler {name!r} cannot take the place of {type(own).__name__}; "
            f"leave it empty, or choose {', '.join(sorted(known))}"
        )
    return known[name]
