"""Small files that nothing can make again, each with a copy: should one of the two be damaged, the other answers."""

import logging
from collections.abc import Callable
from typing import TypeVar

from storage.store import files
from storage.store.errors import CorruptArtifact, MissingArtifact

logger = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")
Parse = Callable[[bytes], Parsed]
"""Gives what is in the file, or raises CorruptArtifact."""


def read(url: str, copy: str, parse: Parse[Parsed]) -> Parsed:
    """What is in a file, or, where that is damaged or gone, in its copy, with a warning.

    Raises MissingArtifact or CorruptArtifact for the file where neither can be read.
    """
    try:
        return parse(files.get(url))
    except (MissingArtifact, CorruptArtifact) as error:
        try:
            answer = parse(files.get(copy))
        except (MissingArtifact, CorruptArtifact):
            raise error from None
        logger.warning("%s: %s; its copy answers; type `farm3d verify --repair`", url, error.value)
        return answer


def write(url: str, copy: str, data: bytes) -> None:
    """Write a file and its copy, each unless it is there already."""
    for where in (copy, url):
        if not files.holds(where, data):
            files.put(where, data)


def damage(url: str, copy: str, parse: Parse[object]) -> dict[str, str]:
    """Which of the two are not what was written, and what is wrong with them."""
    damages: dict[str, str] = {}
    for where in (url, copy):
        try:
            parse(files.get(where))
        except (MissingArtifact, CorruptArtifact) as error:
            damages[where] = error.value
    return damages


def mend(url: str, copy: str, parse: Parse[object]) -> bool:
    """Make the damaged one of the two anew from the other; whether both are whole now."""
    damages = damage(url, copy, parse)
    if damages.keys() == {url, copy}:
        return False
    for where in damages:
        files.put(where, files.get(copy if where == url else url))
    return True
