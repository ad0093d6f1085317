"""The version and the digest of everything that is written down. Data of another version is refused, never converted.

The last entry of a record's file is the sha256 of all bytes before it, so a record that was changed is known by itself.
"""

import re
from hashlib import sha256
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from storage.store.errors import CorruptArtifact, OtherVersion, words
from storage.store.references import Record

Version = Literal[3]
(VERSION,) = get_args(Version)
"""Raised whenever a file of the store gets another layout."""

Kind = TypeVar("Kind", bound=BaseModel)
_PLAIN: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_END = "\n}"
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n\}\Z')


class Versioned(Record):
    """A record that lies in a file of its own and says in which version it was written."""

    version: Version = Field(default=VERSION, description="layout of the store's files")


def encode(record: Versioned) -> bytes:
    """The file of a record: its fields as JSON, and the sha256 of all that stands before it."""
    fields = record.model_dump_json(indent=1).removesuffix(_END).encode()
    return fields + f',\n "sha256": "{sha256(fields).hexdigest()}"{_END}'.encode()


def parse(kind: type[Kind], data: bytes, where: str, remedy: str) -> Kind:
    """The versioned record in a file that was read at `where`.

    Raises OtherVersion if it was written in another version, CorruptArtifact if it is not what was written.
    """
    seal = _SEAL.search(data)
    fields = data[: seal.start()] if seal else data
    if seal and (actual := sha256(fields).hexdigest()) != (said := seal[1].decode()):
        raise CorruptArtifact(where, f"has sha256 {actual[:16]}, its last line says {said[:16]}", remedy)
    body = fields + _END.encode() if seal else data
    try:
        version = _PLAIN.validate_json(body).get("version", 1)
    except ValidationError as error:
        raise CorruptArtifact(where, f"is no JSON object ({words(error)})", remedy) from error
    if version != VERSION:
        what = f"was written in version {version} of the store; this farm3d reads version {VERSION}"
        raise OtherVersion(where, what, "move the data away or give another --root, and run `farm3d run` again")
    if not seal:
        raise CorruptArtifact(where, "does not end with its sha256", remedy)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise CorruptArtifact(where, f"is no {kind.__name__} ({words(error)})", remedy) from error
