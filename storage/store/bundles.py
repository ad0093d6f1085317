"""A folder of files that belong together (a finished model, a release), committed by the manifest written last."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact
from storage.store.locks import locked
from storage.store.references import Record, Sha256

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)


class BundleFile(Record):
    """Contents of one file of a bundle."""

    bytes: int
    sha256: Sha256


class Bundle(Record):
    """What commits a folder: a few words about it, and the contents of its files by name."""

    about: dict[str, Any]
    files: dict[str, BundleFile]


def commit(folder: str, contents: Mapping[str, bytes], about: Mapping[str, Any]) -> Bundle:
    """Write these files and commit them. An earlier bundle in the folder stops counting first."""
    for name in contents:
        if not NAME.fullmatch(name) or name == layout.BUNDLE:
            raise ValueError(f"{folder}: {name!r} is no name for a file in a bundle; use letters, digits, . _ - and /")
    described = {name: BundleFile(bytes=len(data), sha256=sha256(data).hexdigest()) for name, data in contents.items()}
    bundle = Bundle(about=dict(about), files=described)
    with locked(layout.bundle(folder)):
        earlier = committed(folder)
        files.remove(layout.bundle(folder))
        for name in set(earlier.files if earlier else ()) - set(contents):
            files.remove(layout.member(folder, name))
        for name, data in contents.items():
            files.put(layout.member(folder, name), data)
        files.put(layout.bundle(folder), bundle.model_dump_json(indent=1).encode())
    return bundle


def committed(folder: str) -> Bundle | None:
    """The bundle in a folder, or None if it has to be made: because it is missing, or a file has not its size."""
    bundle = described(folder)
    if bundle is None:
        return None
    whole = all(files.size(layout.member(folder, name)) == file.bytes for name, file in bundle.files.items())
    return bundle if whole else None


def described(folder: str) -> Bundle | None:
    """What was committed in a folder, whatever became of its files since; None where nothing was."""
    try:
        return Bundle.model_validate_json(files.get(layout.bundle(folder)))
    except (MissingArtifact, ValidationError):
        return None


def read(folder: str, name: str) -> bytes:
    """One file of a committed bundle.

    Raises MissingArtifact if there is no such bundle or file, CorruptArtifact if it is not what was committed.
    """
    where, bundle = layout.member(folder, name), committed(folder)
    if bundle is None or name not in bundle.files:
        raise MissingArtifact(where, "is not committed", "run the stage that makes it")
    data = files.get(where)
    if sha256(data).hexdigest() != bundle.files[name].sha256:
        raise CorruptArtifact(where, "has other contents than its manifest says", "run the stage that makes it again")
    return data
