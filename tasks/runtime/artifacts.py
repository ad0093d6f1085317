"""What a person sees of a stage in the Prefect UI: its progress, its counts, its pictures."""

import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from PIL import Image, ImageOps
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext

from storage.formats.markdown import escape_markdown
from storage.formats.pictures import contact_sheet, jpeg

EVERY_SECONDS = 2.0
"""Each update is a request to the server."""
MOST_PICTURES = 48
MOST_BYTES = 700_000
"""Of one inline picture: a markdown artifact over 1 MB makes the UI crawl."""


def tracked() -> bool:
    """Whether this code runs in a flow or task run, so that there is a server to tell."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None


class Progress:
    """A bar in the UI from 0 to 100 %."""

    def __init__(self, total: int, description: str) -> None:
        """At 0 of `total`."""
        self.total, self._shown = max(total, 1), time.monotonic()
        self._bar: UUID | None = _id(create_progress_artifact(0.0, description=description)) if tracked() else None

    def at(self, done: int) -> None:
        """Show that `done` of all are done."""
        now = time.monotonic()
        if self._bar and (done >= self.total or now - self._shown >= EVERY_SECONDS):
            self._shown = now
            update_progress_artifact(self._bar, 100.0 * min(done, self.total) / self.total)


def table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """A table under a key of lowercase letters, digits and dashes. The UI reads the description as markdown."""
    if tracked():
        create_table_artifact([dict(row) for row in rows], key=_key(key), description=escape_markdown(description))


def page(key: str, text: str, description: str) -> None:
    """A page of markdown. Pages and tables under one key are one entry of the UI's list, with its history."""
    if tracked():
        create_markdown_artifact(text, key=_key(key), description=description)


def sheet(pictures: Sequence[tuple[np.ndarray, str]]) -> np.ndarray | None:
    """Pictures with captions as one, the first 48 where there are more; None where there are none.

    All are brought to the size of the first, white where they have other proportions.
    """
    shown = pictures[:MOST_PICTURES]
    if not shown:
        return None
    height, width = shown[0][0].shape[:2]
    alike = [np.asarray(ImageOps.pad(Image.fromarray(each), (width, height), color="white")) for each, _ in shown]
    return contact_sheet(alike, [caption for _, caption in shown])


def inline(picture: np.ndarray | None) -> str:
    """A picture as markdown that needs no web server; coarser until it is small enough."""
    if picture is None:
        return "*none*"
    data = next((data for quality in (85, 60, 30) if len(data := jpeg(picture, quality)) < MOST_BYTES), None)
    return encoded(data) if data else inline(np.ascontiguousarray(picture[::2, ::2]))


def encoded(picture: bytes) -> str:
    """A JPEG as markdown."""
    return f"![](data:image/jpeg;base64,{b64encode(picture).decode()})"


def counts(attempted: int, kept: int, reasons: Mapping[str, int]) -> list[dict[str, Any]]:
    """In, out, and dropped by reason: the table every stage ends with."""
    rows = [
        ("in", attempted),
        *((f"dropped: {reason}", count) for reason, count in sorted(reasons.items())),
        ("out", kept),
    ]
    return [{"what": what, "count": count, "share": f"{count / max(attempted, 1):.1%}"} for what, count in rows]


def _key(key: str) -> str:
    return key.lower().replace("_", "-")


def _id(created: Any) -> UUID:  # noqa: ANN401 - Prefect types it as a UUID or a coroutine of one
    return created
