"""The numbers of a training run, one JSON line per report.

While a run learns, each of its checkpoints holds them too. Once a stage is over, its bundle vouches for them.
"""

import json
import logging
from collections.abc import Mapping, Sequence

from storage.store import bundles, files, layout
from storage.store.errors import MissingArtifact
from storage.store.references import ModelRef

logger = logging.getLogger(__name__)

Lines = list[dict[str, float]]


class MetricsLog:
    """A file of lines that is replaced whole at every report, so that it is never torn, in a folder or a store."""

    def __init__(self, url: str) -> None:
        """Goes on with the reports that are there; with none where they cannot be read."""
        self.url = url
        self.lines: Lines = []
        try:
            self.lines = _decode(files.get(url))
        except MissingArtifact:
            pass
        except ValueError as error:
            logger.warning("%s: is damaged (%s); what the newest checkpoint knows of it is taken", url, error)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Report the values after `step` steps; what an interrupted run reported at or after it is dropped."""
        self.lines = [line for line in self.lines if line["step"] < step] + [{"step": step, **values}]
        files.put(self.url, self.encode())

    def restore(self, lines: Sequence[Mapping[str, float]]) -> None:
        """Go on with these reports, whatever the file holds."""
        self.lines = [dict(line) for line in lines]
        files.put(self.url, self.encode())

    def encode(self) -> bytes:
        """The file."""
        return "".join(json.dumps(line) + "\n" for line in self.lines).encode()


def read_metrics(model: ModelRef, stage: str) -> Lines:
    """All reports of a finished stage, oldest first.

    Raises MissingArtifact if it is not over, CorruptArtifact if they are not what was committed.
    """
    return _decode(bundles.read(layout.stage(model, stage), layout.JOURNAL))


def _decode(data: bytes) -> Lines:
    """Raises ValueError for what is no JSON line of a report."""
    lines = [json.loads(line) for line in data.splitlines()]
    if wrong := [line for line in lines if not isinstance(line, dict) or "step" not in line]:
        raise ValueError(f"{wrong[0]} is no report")
    return lines
