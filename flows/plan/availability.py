"""Can everything that a plan uses be had on this machine? Asked before the first picture is drawn."""

import logging
from collections.abc import Iterator
from typing import Protocol

from flows.plan.checks import known_classes
from flows.plan.plan import Plan
from models.generators import StableDiffusionConfig
from storage.store import files, layout
from tasks.inference.answer_files import check_writable
from tasks.runtime.devices import check_count, device_kind

logger = logging.getLogger(__name__)

LARGE = ("gpu", "paper")
"""Scales that take detectron2 and nvdiffrast where they are installed."""
REMEDY = "docs/gpu.md says how to install either; the choice is part of the recipe"


class Available(Protocol):
    """A configuration of a part that needs weights, a package or a device."""

    def check_available(self, device: str) -> None:
        """Raises where it could not be built on this kind of device."""
        ...


def check_parts(plan: Plan) -> None:
    """Raises ValueError, MissingPackage or MissingWeights for the first part of a plan that this machine cannot have.

    What is lacking is said with what to type. Each hub model that is not here is asked for once, for seven seconds.
    """
    device = device_kind(plan.device)
    for choice in describe_substitutes(plan, device):
        logger.warning(choice)
    check_count(plan.device, plan.processes)
    plan.renderer.check_available(device)
    check_data_parts(plan)
    for part in plan.method.parts.values():
        part.check_available(device)
    for name in plan.method.needs.teachers:
        teacher = plan.method.parts[name]
        if not isinstance(teacher, StableDiffusionConfig):
            raise ValueError(f"method {plan.method.kind} distils {name}, which is no text-to-image model")
        teacher.check_distillable()


def check_data_parts(plan: Plan) -> None:
    """The same for what a data set is made with, but not what learns from it."""
    if home := files.local(layout.runs(plan.store.root, plan.category.name)):
        check_writable(home)
    device = device_kind(plan.device)
    parts: tuple[Available, ...] = (plan.own_photos or plan.generator, plan.segmenter, plan.features)
    for part in parts:
        part.check_available(device)
    if not plan.own_photos:
        # Not sooner: the classes of a segmenter from the hub are known once its settings are here.
        known_classes(plan.category, plan.segmenter)


def describe_substitutes(plan: Plan, device: str) -> Iterator[str]:
    """Which parts of a large scale take the place of those that its papers used, and why."""
    if plan.scale not in LARGE:
        return
    if plan.segmenter.kind != "detectron2" and not plan.own_photos:
        yield f"animals are cut out by the segmenter `{plan.segmenter.kind}`, not by detectron2's PointRend; {REMEDY}"
    if plan.renderer.kind != "nvdiffrast":
        why = "" if device == "cuda" else f", which needs a GPU, and this run takes the {device}"
        yield f"our own rasteriser draws, not nvdiffrast{why}; {REMEDY}"
