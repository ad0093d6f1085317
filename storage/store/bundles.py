"""A folder of files that belong together (a finished model, a release), committed by the manifest written last."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from storage.store import files, layout
from storage.store.errors import CorruptArtifact, MissingArtifact, words
from storage.store.locks import hold_lock
from storage.store.references import Record, Sha256
from storage.store.versions import Versioned, parse

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)
REMEDY = "run the stage that makes it again"

About = TypeVar("About", bound=BaseModel)


class BundleFile(Record):
    """Contents of one file of a bundle."""

    size: int = Field(description="bytes")
    sha256: Sha256


class Bundle(Versioned):
    """What commits a folder: what it is about, and the contents of its files by name."""

    about: dict[str, Any] = Field(description="read it with `read_about`, as the type that it was committed with")
    files: dict[str, BundleFile]


def commit(folder: str, contents: Mapping[str, bytes], about: BaseModel) -> Bundle:
    """Write these files and commit them. An earlier bundle in the folder stops counting first."""
    for name in contents:
        if not NAME.fullmatch(name) or name == layout.BUNDLE:
            raise ValueError(f"{folder}: {name!r} is no name for a file in a bundle; use letters, digits, . _ - and /")
    entries = {name: BundleFile(size=len(data), sha256=sha256(data).hexdigest()) for name, data in contents.items()}
    bundle = Bundle(about=about.model_dump(mode="json"), files=entries)
    with hold_lock(layout.bundle(folder)):
        earlier = find_committed(folder)
        files.remove(layout.bundle(folder))
        for name in set(earlier.files if earlier else ()) - set(contents):
            files.remove(layout.member(folder, name))
        for name, data in contents.items():
            files.put(layout.member(folder, name), data)
        files.put(layout.bundle(folder), bundle.model_dump_json(indent=1).encode())
    return bundle


def find_committed(folder: str) -> Bundle | None:
    """The bundle in a folder, or None if it has to be made: because it is missing or torn, or a file has not its size.

    Raises OtherVersion if another version of farm3d wrote it.
    """
    bundle = manifest(folder)
    if bundle is None:
        return None
    whole = all(files.size(layout.member(folder, name)) == entry.size for name, entry in bundle.files.items())
    return bundle if whole else None


def manifest(folder: str) -> Bundle | None:
    """What was committed in a folder, whatever became of its files since; None where nothing was."""
    try:
        return parse(Bundle, files.get(layout.bundle(folder)), layout.bundle(folder), REMEDY)
    except (MissingArtifact, CorruptArtifact):
        return None


def read_about(folder: str, kind: type[About]) -> About | None:
    """What a committed folder says of itself, whatever became of its files since; None where nothing was committed.

    Raises CorruptArtifact if it is about something else.
    """
    bundle = manifest(folder)
    if bundle is None:
        return None
    try:
        return kind.model_validate(bundle.about)
    except ValidationError as error:
        raise CorruptArtifact(layout.bundle(folder), f"is about no {kind.__name__} ({words(error)})", REMEDY) from error


def read(folder: str, name: str) -> bytes:
    """One file of a committed bundle.

    Raises MissingArtifact if there is no such bundle or file, CorruptArtifact if it is not what was committed.
    """
    where, bundle = layout.member(folder, name), find_committed(folder)
    if bundle is None or name not in bundle.files:
        raise MissingArtifact(where, "is not committed", "run the stage that makes it")
    data = files.get(where)
    actual, expected = sha256(data).hexdigest(), bundle.files[name].sha256
    if actual != expected:
        raise CorruptArtifact(where, f"has sha256 {actual[:16]}, its manifest says {expected[:16]}", REMEDY)
    return data
