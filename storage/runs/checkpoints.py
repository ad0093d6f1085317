"""Training states: whole or not there. The newest whole one is found again after any death."""

import io
import json
import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pickle import UnpicklingError
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from storage.runs.metrics_log import MetricsLog
from storage.store import files, layout
from storage.store.errors import CorruptArtifact, StorageError
from storage.store.references import Sha256
from storage.store.versions import Versioned, encode, parse

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)
LENGTH = 8
"""Bytes at the start of a safetensors file that say how long its header is; the header's length is a multiple of it."""
KEPT = 2
"""States: should the newest be corrupt, there is one before it."""


class Checkpoint(Versioned):
    """What commits a training state."""

    step: int = Field(ge=0)
    size: int = Field(description="bytes")
    digest: Sha256
    reports: tuple[dict[str, int | float], ...] = Field(default=(), description="what was reported until then")


class Checkpoints:
    """The training states in one folder, local or remote; only the newest are kept."""

    def __init__(self, folder: str, journal: MetricsLog | None = None) -> None:
        """Makes nothing until the first state is saved. Whoever goes on from a state has its journal as it was then."""
        self.folder, self.journal = folder, journal

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` steps: nested dicts and lists of tensors, numbers, strings and None."""
        import torch

        _check(state, "state", torch.Tensor)
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        data = buffer.getbuffer()
        reports = tuple(self.journal.lines) if self.journal else ()
        entry = Checkpoint(step=step, size=len(data), digest=sha256(data).hexdigest(), reports=reports)
        # An older commit of the same step must not vouch for the new bytes.
        files.remove(layout.checkpoint_manifest(self.folder, step))
        files.put(layout.checkpoint(self.folder, step), data)
        files.put(layout.checkpoint_manifest(self.folder, step), encode(entry))
        self._prune(step)

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """The newest whole state with its step, or None; a corrupt one is passed over with a warning."""
        for step in reversed(self.steps()):
            try:
                entry, state = self._load(step)
            except StorageError as error:
                logger.warning("%s: %s; taking an older checkpoint, if there is one", error.where, error.value)
                continue
            if self.journal:
                self.journal.restore(entry.reports)
            return step, state
        return None

    def steps(self) -> list[int]:
        """Steps with a committed state, oldest first."""
        stems = (name.removeprefix("step-").removesuffix(".json") for name in files.names(self.folder))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def read_manifest(self, step: int) -> Checkpoint:
        """What commits the state after `step` steps.

        Raises MissingArtifact or CorruptArtifact if the state is not what was saved.
        """
        return self._read(step)[0]

    def discard(self, step: int) -> None:
        """Delete a state."""
        # The manifest first: without it the other one counts as never written.
        files.remove(layout.checkpoint_manifest(self.folder, step))
        files.remove(layout.checkpoint(self.folder, step))

    def _read(self, step: int) -> tuple[Checkpoint, bytes]:
        where, manifest = layout.checkpoint(self.folder, step), layout.checkpoint_manifest(self.folder, step)
        entry = parse(Checkpoint, files.get(manifest), manifest, "delete it")
        data = files.get(where)
        actual = step, len(data), sha256(data).hexdigest()
        if actual != (entry.step, entry.size, entry.digest):
            saved = f"step {entry.step}, {entry.size} bytes, sha256 {entry.digest[:16]}"
            what = f"is step {step}, {actual[1]} bytes, sha256 {actual[2][:16]}; its manifest says {saved}"
            raise CorruptArtifact(where, what, "delete it")
        return entry, data

    def _load(self, step: int) -> tuple[Checkpoint, dict[str, Any]]:
        import torch

        entry, data = self._read(step)
        try:
            return entry, torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError) as error:
            where = layout.checkpoint(self.folder, step)
            raise CorruptArtifact(where, "holds more than tensors and plain values", "delete it") from error

    def _prune(self, step: int) -> None:
        """Keep the newest up to this step; a later one was corrupt, or this run would have gone on from it."""
        kept = [saved for saved in self.steps() if saved <= step][-KEPT:]
        for name in files.names(self.folder):
            number = name.removeprefix("step-").partition(".")[0]
            if number.isdecimal() and int(number) not in kept:
                files.remove(layout.member(self.folder, name))


def weights_bytes(weights: "Mapping[str, Tensor]", about: Mapping[str, str]) -> bytes:
    """A state dict as one safetensors file, with a few words about it in the header; equal tensors, equal bytes."""
    from safetensors.torch import save

    data = save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}, dict(about))
    # The library writes the words in the order of a hash map, another one each time.
    start = LENGTH + int.from_bytes(data[:LENGTH], "little")
    header = json.dumps(json.loads(data[LENGTH:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % LENGTH)
    return len(header).to_bytes(LENGTH, "little") + header + data[start:]


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
