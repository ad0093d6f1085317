"""Small files that nothing can make again, each with a copy: should one of the two be damaged, the other answers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from storage.store import files
from storage.store.errors import CorruptArtifact, MissingArtifact

logger = logging.getLogger(__name__)

Parsed = TypeVar("Parsed", covariant=True)


@dataclass(frozen=True)
class Mirrored(Generic[Parsed]):
    """A file, its copy, and what gives their contents or raises CorruptArtifact."""

    url: str
    copy: str
    parse: Callable[[bytes], Parsed]

    @property
    def urls(self) -> tuple[str, str]:
        """The file and its copy."""
        return self.url, self.copy

    def read(self) -> Parsed:
        """What is in the file, or, where that is damaged or gone, in its copy, with a warning.

        Raises MissingArtifact or CorruptArtifact for the file where neither can be read.
        """
        try:
            return self.parse(files.get(self.url))
        except (MissingArtifact, CorruptArtifact) as error:
            try:
                answer = self.parse(files.get(self.copy))
            except (MissingArtifact, CorruptArtifact):
                raise error from None
            logger.warning("%s: %s; its copy answers; type `farm3d verify --repair`", self.url, error.value)
            return answer

    def write(self, data: bytes) -> None:
        """Write the file and its copy, each unless it is there already."""
        for where in (self.copy, self.url):
            if not files.holds(where, data):
                files.put(where, data)

    def damage(self) -> dict[str, str]:
        """Which of the two are not what was written, and what is wrong with them."""
        damages: dict[str, str] = {}
        for where in self.urls:
            try:
                self.parse(files.get(where))
            except (MissingArtifact, CorruptArtifact) as error:
                damages[where] = error.value
        return damages

    def mend(self) -> bool:
        """Make the damaged one of the two anew from the other; whether both are whole now."""
        damages = self.damage()
        if damages.keys() == {*self.urls}:
            return False
        for where in damages:
            files.put(where, files.get(self.copy if where == self.url else self.url))
        return True
