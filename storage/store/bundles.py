"""A folder of files that belong together (a finished model, a release), committed by the manifest written last."""

import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from storage.store import files, layout
from storage.store.errors import REMEDY, CorruptArtifact, MissingArtifact, words
from storage.store.locks import POLL_SECONDS, hold_lock, is_locked
from storage.store.references import Record, Sha256
from storage.store.versions import Versioned, encode, parse

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", re.ASCII)

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
    """Write these files and commit them. An earlier bundle of other files stops counting first; equal files stay."""
    for name in contents:
        if not NAME.fullmatch(name) or name == layout.BUNDLE:
            raise ValueError(f"{folder}: {name!r} is no name for a file in a bundle; use letters, digits, . _ - and /")
    entries = {name: BundleFile(size=len(data), sha256=sha256(data).hexdigest()) for name, data in contents.items()}
    bundle = Bundle(about=about.model_dump(mode="json"), files=entries)
    with hold_lock(layout.bundle(folder)):
        earlier = _read_manifest(folder)
        if earlier is None or earlier.files != entries or damaged_files(folder, earlier):
            files.remove(layout.bundle(folder))
            for name in set(earlier.files if earlier else ()) - set(contents):
                files.remove(layout.member(folder, name))
            for name, data in contents.items():
                files.put(layout.member(folder, name), data)
        if bundle != _read_manifest(folder):
            files.put(layout.bundle(folder), encode(bundle))
    return bundle


def amend(folder: str, about: BaseModel) -> None:
    """Let a committed bundle say something else of itself; its files stay.

    Raises MissingArtifact if nothing is committed, CorruptArtifact if it cannot be read.
    """
    with hold_lock(layout.bundle(folder)):
        bundle = read_manifest(folder).model_copy(update={"about": about.model_dump(mode="json")})
        files.put(layout.bundle(folder), encode(bundle))


def find_committed(folder: str) -> Bundle | None:
    """The bundle in a folder, or None if it has to be made: because it is missing or torn, or a file has not its size.

    Raises OtherVersion if another version of farm3d wrote it.
    """
    return _find(folder, lambda bundle: all(_has_size(folder, name, entry) for name, entry in bundle.files.items()))


def find_intact(folder: str) -> Bundle | None:
    """The same, or None where a byte of a file is not what was committed: for whoever can make it again."""
    return _find(folder, lambda bundle: not damaged_files(folder, bundle))


def damaged_files(folder: str, bundle: Bundle) -> dict[str, str]:
    """The files of a bundle that are not what was committed, by name, and what is wrong with them."""
    damages: dict[str, str] = {}
    for name, entry in bundle.files.items():
        try:
            data = files.get(layout.member(folder, name))
        except MissingArtifact:
            damages[name] = "is gone"
            continue
        if (actual := sha256(data).hexdigest()) != entry.sha256:
            damages[name] = f"has sha256 {actual[:16]}, its manifest says {entry.sha256[:16]}"
    return damages


def manifest(folder: str) -> Bundle | None:
    """What was committed in a folder, whatever became of its files since; None where nothing was.

    Waits for a writer that is at work.
    """
    bundle, where = _read_manifest(folder), layout.bundle(folder)
    if bundle is None and is_locked(where):
        while is_locked(where):
            time.sleep(POLL_SECONDS / 10)
        return _read_manifest(folder)
    return bundle


def _find(folder: str, is_whole: Callable[[Bundle], bool]) -> Bundle | None:
    """The bundle in a folder if it is whole; asked again where another one was committed meanwhile."""
    bundle = manifest(folder)
    while bundle is not None and not is_whole(bundle):
        if (now := manifest(folder)) == bundle:
            return bundle if is_whole(bundle) else None
        bundle = now
    return bundle


def _has_size(folder: str, name: str, entry: BundleFile) -> bool:
    return files.size(layout.member(folder, name)) == entry.size


def _read_manifest(folder: str) -> Bundle | None:
    try:
        return read_manifest(folder)
    except (MissingArtifact, CorruptArtifact):
        return None


def read_manifest(folder: str) -> Bundle:
    """What was committed in a folder.

    Raises MissingArtifact if nothing was, CorruptArtifact if it cannot be read, OtherVersion if it is another farm3d's.
    """
    return parse(Bundle, files.get(layout.bundle(folder)), layout.bundle(folder), REMEDY)


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
    while True:
        if bundle is None or name not in bundle.files:
            raise MissingArtifact(where, "is not committed", REMEDY)
        data = files.get(where)
        actual, expected = sha256(data).hexdigest(), bundle.files[name].sha256
        if actual == expected:
            return data
        if (now := find_committed(folder)) == bundle:
            raise CorruptArtifact(where, f"has sha256 {actual[:16]}, its manifest says {expected[:16]}", REMEDY)
        bundle = now
