"""The numbers of a training run, one JSON line per report."""

import json
from collections.abc import Mapping

from storage.store import files
from storage.store.errors import MissingArtifact


class MetricsLog:
    """A file of lines that is replaced whole at every report, so that it is never torn, in a folder or a store."""

    def __init__(self, url: str) -> None:
        """Goes on with the reports that are there."""
        self.url = url
        self.lines = read_metrics(url)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Report the values after `step` steps; what an interrupted run reported at or after it is dropped."""
        self.lines = [line for line in self.lines if line["step"] < step] + [{"step": step, **values}]
        files.put(self.url, "".join(json.dumps(line) + "\n" for line in self.lines).encode())


def read_metrics(url: str) -> list[dict[str, float]]:
    """All reports so far, oldest first."""
    try:
        return [json.loads(line) for line in files.get(url).splitlines()]
    except MissingArtifact:
        return []
