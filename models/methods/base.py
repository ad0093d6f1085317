"""What a method is: `needs`, `stages` and `load`. What it answers: a `Reconstruction`, which says what it can do.

A method is a frozen configuration. The flow builds its DAG from `needs` and `stages`; tasks run a stage, keep its
artifact and hand all artifacts back to `load`. Metrics, exporters and reports ask which of the protocols below a
reconstruction meets, and leave out what it cannot do: a rigged GLB, a plain mesh, or pictures alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from models.core.category import Category
from models.data.columns import Content, PseudoTruth
from models.data.crops import Samples
from models.engine.loop import Checkpoints, Report, Summary
from models.rendering import Renderer
from models.rendering.reconstruction import Reconstructor

Load = Callable[[Any], Any]
"""The frozen part that a configuration builds (a ViT, a diffusion model), or the one that was built before."""


ReadColumn = Callable[[str], Sequence[PseudoTruth[Content]]]
"""Takes the name of a derived column."""


@dataclass(frozen=True)
class Needs:
    """What has to be there before a method can start."""

    crops: bool = True
    """Whether its stages learn from the crops of the data set, and not from animals whose surface is known."""
    columns: tuple[str, ...] = ()
    """Derived columns of the samples, by their names in `models.data.columns`."""
    releases: tuple[str, ...] = ()
    """Methods of which the category has to have a release."""
    teachers: tuple[str, ...] = ()
    """Which of its parts are text-to-image models whose score is distilled, by their names in `parts`."""


@dataclass(frozen=True)
class Artifact:
    """What a stage leaves behind: tensors by name, in a safetensors file."""

    tensors: Mapping[str, Tensor]
    summary: Summary


@dataclass(frozen=True)
class Setting:
    """Where a method works."""

    category: Category
    device: torch.device
    renderer: Renderer
    load: Load


@dataclass(frozen=True)
class StageContext(Setting):
    """What a stage learns from, and whom it tells."""

    samples: Samples
    """The crops of the training split."""
    checkpoints: Checkpoints
    report: Report
    artifacts: Mapping[str, Artifact]
    """What the stages before it left behind, by their names."""
    columns: ReadColumn
    """Reads a derived column that the method's `needs` name, one entry per sample."""


@dataclass(frozen=True)
class Stage:
    """One training of a method."""

    name: str
    """Safe as a folder's name."""
    steps: int
    """Of the progress bar: optimiser steps, or animals; 0 where it is one for each crop that it learns from."""
    shown: tuple[str, ...]
    """Losses that stand in the table and the curves of the report, beside `loss`."""
    run: Callable[[StageContext], Artifact]
    batch: int = 1
    """Images that are computed at once; several processes share them evenly, so their number has to divide it."""


@runtime_checkable
class Method(Protocol):
    """The configuration of a method, a member of the union in `models.methods`."""

    @property
    def kind(self) -> str:
        """The tag of the union, and the name of its flow."""
        ...

    @property
    def needs(self) -> Needs:
        """Columns and releases; refused when the plan is made where they cannot be met."""
        ...

    @property
    def resolution(self) -> int:
        """Pixels along an edge of the crops that it reads; the crops of the data set are at least as large."""
        ...

    @property
    def parts(self) -> Mapping[str, Any]:
        """Configurations of the frozen parts: what the result depends on besides this.

        Each has `digest()`, and `check_available(device)`, which raises where it could not be built.
        """
        ...

    @classmethod
    def preset(cls, scale: str, own_photos: bool = False, from_nothing: bool = False) -> "Method":
        """The configuration at a scale: smoke, laptop, gpu or paper.

        For drawn photos, or for somebody's own; from what it starts from there, or from random weights.
        """
        ...

    def stages(self) -> tuple[Stage, ...]:
        """Trainings in their order; none for a method that only fits."""
        ...

    def load(self, artifacts: Mapping[str, Artifact], setting: Setting) -> Reconstructor:
        """What answers photos. Without artifacts of its stages: the start, before any training."""
        ...
