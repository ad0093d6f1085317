"""Faults: what in a store is not what was committed, and what can be done about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from storage.store import bundles, files, layout
from storage.store.errors import MissingArtifact, StorageError
from storage.store.mirror import Mirrored

AGAIN = "the next run makes it again"


@dataclass(frozen=True)
class Fault:
    """Something that is not what was committed."""

    where: str
    what: str
    mend: Callable[[], str] | None = None
    """Does what can be done, and says what it did, or nothing; None where it is up to a person or the next run."""


def fault_of(error: StorageError) -> Fault:
    """What an error says, as a fault that nothing mends."""
    return Fault(error.where, f"{error.value}; {error.remedy}")


def find_leftovers(folder: str) -> Iterator[Fault]:
    """What killed writers left in a folder."""
    for name in files.unfinished_names(folder):
        yield leftover(layout.member(folder, name), "is left of a killed writer; delete it, or run the flow again")


def leftover(where: str, what: str) -> Fault:
    """A file that counts for nothing, and is deleted by a repair."""

    def delete() -> str:
        files.remove(where)
        return "deleted"

    return Fault(where, what, delete)


def find_bundle_faults(folder: str, apart: tuple[str, ...] = ()) -> Iterator[Fault]:
    """What is wrong with the bundle in a folder; files `apart` may lie there before it is committed."""
    yield from find_leftovers(folder)
    if not set(files.names(folder)) - set(apart):
        return
    try:
        bundle = bundles.read_manifest(folder)
    except MissingArtifact:
        yield Fault(layout.bundle(folder), f"is gone, or was never written; {AGAIN}, or delete {folder}")
        return
    except StorageError as error:
        yield fault_of(error)
        return
    for name, damage in bundles.damaged_files(folder, bundle).items():
        yield Fault(layout.member(folder, name), f"{damage}; {AGAIN}")


def mirror_faults(stored: Mirrored[object], remedy: str) -> Iterator[Fault]:
    """The damage of a file or of its copy, which the whole one of the two mends; with neither, `remedy` is left."""
    damages = stored.damage()
    for where, damage in damages.items():
        left = remedy if len(damages) == 2 else "--repair makes it anew from its copy"
        yield Fault(where, f"{damage}; {left}", lambda: "made anew from its copy" if stored.mend() else "")
