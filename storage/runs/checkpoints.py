"""Training states: whole or not there. The newest whole one is found again after any death."""

import io
import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pickle import UnpicklingError
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field, ValidationError

from storage.store import files, layout
from storage.store.errors import CorruptArtifact, StorageError, words
from storage.store.references import Record, Sha256

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)
KEPT = 2
"""States: should the newest be corrupt, there is one before it."""


class Checkpoint(Record):
    """What commits a training state."""

    step: int = Field(ge=0)
    size: int = Field(description="bytes")
    sha256: Sha256


class Checkpoints:
    """The training states in one folder, local or remote; only the newest are kept."""

    def __init__(self, folder: str) -> None:
        """Makes nothing until the first state is saved."""
        self.folder = folder

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` steps: nested dicts and lists of tensors, numbers, strings and None."""
        import torch

        _check(state, "state", torch.Tensor)
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        data = buffer.getbuffer()
        entry = Checkpoint(step=step, size=len(data), sha256=sha256(data).hexdigest())
        # An older commit of the same step must not vouch for the new bytes.
        files.remove(layout.checkpoint_manifest(self.folder, step))
        files.put(layout.checkpoint(self.folder, step), data)
        files.put(layout.checkpoint_manifest(self.folder, step), entry.model_dump_json().encode())
        self._prune(step)

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """The newest whole state with its step, or None; a corrupt one is passed over with a warning."""
        for step in reversed(self.steps()):
            try:
                return step, self._load(step)
            except StorageError as error:
                logger.warning("%s: %s; taking an older checkpoint, if there is one", error.where, error.value)
        return None

    def steps(self) -> list[int]:
        """Steps with a committed state, oldest first."""
        stems = (name.removeprefix("step-").removesuffix(".json") for name in files.names(self.folder))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def _load(self, step: int) -> dict[str, Any]:
        import torch

        where, remedy = layout.checkpoint(self.folder, step), "delete it"
        try:
            entry = Checkpoint.model_validate_json(files.get(layout.checkpoint_manifest(self.folder, step)))
        except ValidationError as error:
            manifest = layout.checkpoint_manifest(self.folder, step)
            raise CorruptArtifact(manifest, f"is no manifest of a checkpoint ({words(error)})", remedy) from error
        data = files.get(where)
        actual = Checkpoint(step=step, size=len(data), sha256=sha256(data).hexdigest())
        if actual != entry:
            saved = f"step {entry.step}, {entry.size} bytes, sha256 {entry.sha256[:16]}"
            what = f"is step {step}, {actual.size} bytes, sha256 {actual.sha256[:16]}; its manifest says {saved}"
            raise CorruptArtifact(where, what, remedy)
        try:
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError) as error:
            raise CorruptArtifact(where, "holds more than tensors and plain values", remedy) from error

    def _prune(self, step: int) -> None:
        """Keep the newest up to this step; a later one was corrupt, or this run would have gone on from it."""
        kept = [saved for saved in self.steps() if saved <= step][-KEPT:]
        for name in files.names(self.folder):
            number = name.removeprefix("step-").partition(".")[0]
            if number.isdecimal() and int(number) not in kept:
                files.remove(layout.member(self.folder, name))


def weights_bytes(weights: "Mapping[str, Tensor]", about: Mapping[str, str]) -> bytes:
    """A state dict as one safetensors file, with a few words about it in the header."""
    from safetensors.torch import save

    return save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}, dict(about))


def weights_from(data: bytes) -> "dict[str, Tensor]":
    """The state dict in a safetensors file."""
    from safetensors.torch import load

    return load(data)


def _check(value: object, where: str, tensor: type) -> None:
    """What torch loads again without unpickling anything."""
    if isinstance(value, Mapping):
        for key, part in cast(Mapping[object, object], value).items():
            _check(key, f"a key of {where}", tensor)
            _check(part, f"{where}[{key!r}]", tensor)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(cast(Sequence[object], value)):
            _check(part, f"{where}[{number}]", tensor)
    elif not isinstance(value, tensor) and type(value) not in (bool, int, float, str, NoneType):
        raise ValueError(f"{where} is a {type(value).__name__}; a checkpoint holds tensors, numbers, strings and None")
