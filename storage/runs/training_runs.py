"""What a training run was started with, written down before it learns."""

from typing import Any

from pydantic import BaseModel, Field, ValidationError

from storage.store import files, layout
from storage.store.errors import MissingArtifact
from storage.store.references import DatasetRef, ModelRef, Record


class Started(Record):
    """What it learns from, and how."""

    snapshot: int = Field(ge=1)
    recipe: dict[str, Any]


def start(model: ModelRef, crops: DatasetRef, recipe: BaseModel) -> None:
    """Write it down, by whoever holds the lock of the run's folder."""
    started = Started(snapshot=crops.snapshot, recipe=recipe.model_dump(mode="json"))
    files.put(layout.run_config(model), started.model_dump_json(indent=1).encode())


def started(model: ModelRef) -> Started | None:
    """What was written down; None where nothing was, or by a version that did not say the snapshot."""
    try:
        return Started.model_validate_json(files.get(layout.run_config(model)))
    except (MissingArtifact, ValidationError):
        return None
