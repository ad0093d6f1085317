"""The version of everything that is written down. Data of another version is refused, never converted."""

from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from storage.store.errors import CorruptArtifact, OtherVersion, words
from storage.store.references import Record

Version = Literal[2]
(VERSION,) = get_args(Version)
"""Raised whenever a file of the store gets another layout."""

Kind = TypeVar("Kind", bound=BaseModel)
_PLAIN: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class Versioned(Record):
    """A record that lies in a file of its own and says in which version it was written."""

    version: Version = Field(default=VERSION, description="layout of the store's files")


def parse(kind: type[Kind], data: bytes, where: str, remedy: str) -> Kind:
    """The versioned record in a file that was read at `where`.

    Raises OtherVersion if it was written in another version, CorruptArtifact if it is no such record.
    """
    try:
        version = _PLAIN.validate_json(data).get("version", 1)
    except ValidationError as error:
        raise CorruptArtifact(where, f"is no JSON object ({words(error)})", remedy) from error
    if version != VERSION:
        what = f"was written in version {version} of the store; this farm3d reads version {VERSION}"
        raise OtherVersion(where, what, "move the data away or give another --root, and run `farm3d run` again")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise CorruptArtifact(where, f"is no {kind.__name__} ({words(error)})", remedy) from error
