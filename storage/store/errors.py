"""What can go wrong with something stored. A caller's fault is a `ValueError`.

StorageError
+-- MissingArtifact    nothing is committed under this name
+-- CorruptArtifact    what lies there is not what was committed, or must not be read
+-- OtherVersion       what lies there was written by an older or newer farm3d
+-- StorageFull        no room to write it
+-- NotPrivate         others own or may change what only we should be able to change
"""

from pydantic import ValidationError

REMEDY = "type `farm3d verify --repair`, then run its category again"
"""What makes anew whatever is damaged or gone."""


class StorageError(Exception):
    """Says where it happened, what was found there, and what to do about it."""

    def __init__(self, where: str, value: str, remedy: str) -> None:
        """All three are words for the operator; `value` includes what was found."""
        super().__init__(where, value, remedy)
        self.where, self.value, self.remedy = where, value, remedy

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.where}: {self.value}; {self.remedy}"


class MissingArtifact(StorageError):
    """Nothing is committed under this name."""


class CorruptArtifact(StorageError):
    """What lies there is not what was committed, or is nothing that may be read."""


class OtherVersion(StorageError):
    """What lies there was written by an older or newer farm3d. It is left as it is: not read, moved or made again."""


class StorageFull(StorageError):
    """There is no room for what was to be written. Nothing half-written is left."""


class NotPrivate(StorageError):
    """Somebody else owns what lies there, or may change it."""


def words(error: Exception) -> str:
    """What went wrong in one line, to be part of a sentence; for a record, the field and what is wrong with it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"
    return (str(error).splitlines() or [type(error).__name__])[0]
