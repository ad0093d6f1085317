"""What a training run was started with, written down before it learns, and what its finished model says of itself."""

from typing import Any

from pydantic import BaseModel, Field

from storage.store import bundles, files, layout
from storage.store.errors import MissingArtifact
from storage.store.references import DatasetRef, ModelRef, Name, Record
from storage.store.versions import Versioned, encode, parse


class RunStart(Versioned):
    """What a run learns from, and how."""

    snapshot: int = Field(ge=1)
    recipe: dict[str, Any] = Field(description="the whole recipe, for whoever asks how it was made")


class ModelAbout(Record):
    """What the bundle of a finished model is about."""

    snapshot: int = Field(ge=1, description="what it learnt from")
    code: str = Field(default="", description="revision of the code that made it")
    stages: tuple[Name, ...] = Field(default=(), description="its trainings in their order; none where it only fits")


class StageAbout(Record):
    """What the bundle of a finished stage is about."""

    steps: int = Field(ge=0, description="optimiser steps")
    skipped: int = Field(default=0, ge=0, description="updates whose gradient was not finite")
    values: dict[str, float] = Field(default={}, description="means over the last report's steps")


def write_start(model: ModelRef, crops: DatasetRef, recipe: BaseModel) -> None:
    """Write it down, by whoever holds the lock of the run's folder, unless it is there already."""
    record = encode(RunStart(snapshot=crops.snapshot, recipe=recipe.model_dump(mode="json")))
    where = layout.run_config(model)
    if not files.holds(where, record):
        files.put(where, record)


def read_start(model: ModelRef) -> RunStart | None:
    """What was written down; None where nothing was.

    Raises CorruptArtifact or OtherVersion if it cannot be read.
    """
    where = layout.run_config(model)
    try:
        return parse(RunStart, files.get(where), where, f"delete {layout.run(model)}, or run it again")
    except MissingArtifact:
        return None


def is_made_from(folder: str, crops: DatasetRef) -> bool:
    """Whether a finished model or a release is there, byte by byte, and names this snapshot.

    The same crops get another number if their old snapshot was lost.
    """
    bundle = bundles.find_intact(folder)
    return bundle is not None and bundle.about.get("snapshot") == crops.snapshot
