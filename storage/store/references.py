"""The small references that tasks hand each other, and the digest that names what they point to."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel

NAME = r"^[a-z0-9][a-z0-9_-]*$"
LONGEST_NAME = 80
Name = Annotated[str, Field(pattern=NAME, max_length=LONGEST_NAME)]
"""Safe as a folder name on every system, and as a key in a tar."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Stage = Literal["raw", "curated", "derived"]
"""Photos; the crops kept of them; and what a model answered for each of these crops."""
STAGES: tuple[Stage, ...] = get_args(Stage)
Scale = Literal["smoke", "laptop", "gpu", "paper"]
"""The one dial, from little of everything to much."""
SCALES: tuple[Scale, ...] = get_args(Scale)
"""All scales, the smallest first."""


class Record(BaseModel):
    """Frozen; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShardRef(Record):
    """One shard: photos of a recipe (raw), the crops kept of them (curated), or their pseudo-truth (derived)."""

    root: str
    category: Name
    stage: Stage
    digest: Name = Field(description="digest of the recipe")
    index: int = Field(ge=0)


class DatasetRef(Record):
    """One pinned snapshot."""

    root: str
    category: Name
    snapshot: int = Field(ge=1)


class DerivedRef(Record):
    """What a model answered for the crops of one snapshot."""

    crops: DatasetRef
    digest: Name = Field(description="digest of the recipe of the derived shards")


class ModelRef(Record):
    """One training run; its key follows from config and snapshot, so the same run continues."""

    root: str
    category: Name
    run: Name


class ReleaseRef(Record):
    """One published release, named after the run it shows."""

    root: str
    category: Name
    run: Name


def digest(value: object) -> str:
    """16 hex letters of the sha256 of `identity(value)`: a new knob at its default renames nothing."""
    return sha256(_canonical(value).encode()).hexdigest()[:16]


def identity(value: object) -> Any:  # noqa: ANN401 - plain JSON of any depth
    """What tells a recipe from others, as plain JSON: pydantic records without their fields at defaults, but `kind`."""
    return json.loads(_canonical(value))


def _canonical(value: object) -> str:
    return json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, RootModel):
        return cast(RootModel[Any], value).model_dump(mode="json")
    if isinstance(value, BaseModel):
        fields = {name: (getattr(value, name), field) for name, field in type(value).model_fields.items()}
        return {
            name: part
            for name, (part, field) in fields.items()
            if name == "kind" or part != field.get_default(call_default_factory=True)
        }
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, object], value))
    raise TypeError(f"{type(value).__name__} has no canonical JSON; give plain values or pydantic records")
