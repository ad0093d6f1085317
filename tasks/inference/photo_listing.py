"""What of a folder of photos is a photo, what is a mask of one, and what is told to be neither.

Reconstruction, evaluation and a data set of own photos all ask here, so a file is a photo for all of them or for none.
Links are followed. Left out without a word are hidden files and what file managers keep beside pictures.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
MASK = ".mask"
"""Stands between the name of a photo and the ending of its mask."""
LITTER = frozenset({"@eadir", "__macosx", "thumbs.db", "desktop.ini"})
ANSWER = "_vertices.npz"
"""Ends the name of a file that a reconstruction writes for every photo."""
ANSWER_PICTURES = ("_mask.png", "_overlay.jpg", "_views.jpg")
"""End the names of the pictures that it writes."""


@dataclass(frozen=True)
class Listing:
    """The files of a folder and its sub-folders, each list by name."""

    folder: Path
    pictures: tuple[Path, ...]
    others: tuple[Path, ...]
    """Neither pictures nor masks of one."""


def list_folder(folder: Path) -> Listing:
    """The files that a folder and its sub-folders show. What a reconstruction has written is neither list's.

    Raises ValueError if there is no picture.
    """
    pictures: list[Path] = []
    others: list[Path] = []
    for where, names in _walk(folder):
        answers = {name.removesuffix(ANSWER) for name in names if name.endswith(ANSWER)}
        photos = {Path(name).stem.casefold() for name in names if _is_picture(name) and not _is_mask_name(name)}
        for name in names:
            if _is_answer(name, answers):
                continue
            if not _is_picture(name):
                others.append(where / name)
            elif not (_is_mask_name(name) and Path(name).stem.casefold().removesuffix(MASK) in photos):
                pictures.append(where / name)
    if not pictures:
        raise ValueError(f"{folder}: has no picture; give a folder with files that end in {', '.join(PICTURES)}")
    return Listing(folder, tuple(sorted(pictures)), tuple(sorted(others)))


def find_mask(photo: Path) -> Path | None:
    """NAME.mask.png beside the photo, whatever its capitals and whichever kind of picture it is; None without one.

    Raises ValueError if there are two.
    """
    stem = photo.stem.casefold() + MASK
    masks = _mask_names(photo.parent, photo.parent.stat().st_mtime_ns)
    named = [photo.with_name(name) for name in masks if Path(name).stem.casefold() == stem]
    if len(named) > 1:
        raise ValueError(f"{photo}: has two masks, {' and '.join(mask.name for mask in named)}; keep one")
    return named[0] if named else None


def shown_name(file: Path, folder: Path) -> str:
    """A file's name from the folder on, the same on every machine; bytes that are no UTF-8 as their escape sequence."""
    return os.fsencode(file.relative_to(folder).as_posix()).decode(errors="backslashreplace")


def describe_others(folder: Path, others: Sequence[Path]) -> str:
    """One sentence on files that are no pictures; at least one."""
    endings = ", ".join(sorted({file.suffix.lower() or "no ending" for file in others}))
    count, one, kinds = len(others), shown_name(others[0], folder), ", ".join(PICTURES)
    return f"{folder}: left out as no pictures: {count} ({endings}; one is {one}); give {kinds}"


def pictures_digest(folder: Path) -> str:
    """Digest of the names and bytes of a folder's pictures and masks; what else lies there changes nothing.

    Raises ValueError if there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: is no folder; give the path of one")
    pictures = list_folder(folder).pictures
    masks = (mask for photo in pictures for mask in _masks(photo))
    total = sha256()
    for file in sorted({*pictures, *masks}):
        if file.is_file():
            with file.open("rb") as stream:
                total.update(os.fsencode(file.relative_to(folder).as_posix()) + file_digest(stream, "sha256").digest())
    return total.hexdigest()


@lru_cache(maxsize=16)
def _mask_names(folder: Path, changed_ns: int) -> tuple[str, ...]:  # noqa: ARG001 - a change asks again
    return tuple(name for name in sorted(os.listdir(folder)) if _is_picture(name) and _is_mask_name(name))


def _masks(photo: Path) -> list[Path]:
    try:
        mask = find_mask(photo)
    except ValueError:
        return []
    return [mask] if mask else []


def _walk(folder: Path) -> list[tuple[Path, list[str]]]:
    """Folders with the names of their files. Links to folders are followed, into each real folder once."""
    seen: set[str] = set()
    contents: dict[Path, list[str]] = defaultdict(list)
    for where, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if _is_shown(name))
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        contents[Path(where)] = [name for name in names if _is_shown(name)]
    return list(contents.items())


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in LITTER


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in PICTURES


def _is_mask_name(name: str) -> bool:
    return Path(name).stem.casefold().endswith(MASK)


def _is_answer(name: str, answers: set[str]) -> bool:
    return name.endswith(ANSWER) or any(
        name.endswith(ending) and name.removesuffix(ending) in answers for ending in ANSWER_PICTURES
    )
