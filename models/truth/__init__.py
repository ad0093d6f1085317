"""Examples whose truth is known, for measuring models: animals of the barnyard simulator, or a user's own photos."""

from collections.abc import Sequence
from typing import Protocol

import trimesh

from models.truth.examples import Example


class TruthSource(Protocol):
    """Where the examples come from that a model is measured on."""

    @property
    def name(self) -> str:
        """What they are, as the tables say it."""
        ...

    def examples(self) -> Sequence[Example]:
        """All of them, the same at every call."""
        ...

    def training_shapes(self, count: int) -> Sequence[trimesh.Trimesh]:
        """At most so many posed animals that are no examples, for the baselines; none where none are known."""
        ...
