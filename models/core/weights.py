"""Folders of weights: locating them, their licence and digest, writing them, and errors for absent or broken ones."""

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from hashlib import file_digest, sha256
from pathlib import Path

from models.core.errors import MissingWeights

REPOSITORY = Path(__file__).parents[2]
NOT_STATED = "not stated"
"""The licence of what comes without one."""
WEIGHTS, SETTINGS = (".safetensors", ".bin"), (".json", ".txt")
"""Suffixes of the files that a model is loaded from."""
PARTS = "parts.json"
"""File of a folder of several networks: the digest of each as they were taught together."""


def locate(model: str) -> str:
    """The folder `model` names, from here or from the repository; else `model` itself as a hub id.

    Raises   MissingWeights: it is written as a path, and nothing is there.
    """
    if folder := _folder(model):
        return str(folder)
    if model.startswith((".", "/", "~", "weights/")) or model.count("/") > 1:
        raise MissingWeights(f"weights folder {model} does not exist; mend the path, or give a hub id")
    return model


def licence(model: str) -> str:
    """What the README of the model's folder, or of the one above, or of the hub id as it was fetched, states.

    That is the `license` of its metadata block, as model cards have it.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.repocard import metadata_load
    from yaml import YAMLError

    folder, cards = _folder(model), list[Path]()
    if folder:
        cards = [folder / "README.md", folder.resolve().parent / "README.md"]
    else:
        with suppress(HFValidationError):
            fetched = try_to_load_from_cache(model, "README.md")
            cards = [Path(fetched)] if isinstance(fetched, str) else []
    for card in cards:
        try:
            stated = (metadata_load(card) or {}).get("license") if card.is_file() else None
        except (ValueError, YAMLError):
            return f"{NOT_STATED} ({card} has no whole metadata)"
        if stated:
            return str(stated)
    return NOT_STATED


def _folder(model: str) -> Path | None:
    # What ships is meant by its name from any folder, also from one with a folder `weights` of something else.
    places = (REPOSITORY / model, Path(model)) if model.startswith("weights/") else (Path(model), REPOSITORY / model)
    return next((folder for folder in places if folder.is_dir()), None)


def digest(model: str, revision: str | None) -> str:
    """Digest of a model: of the bytes of a folder's weights and settings, or the hub id at its commit."""
    folder = Path(model)
    if not folder.is_dir():
        return f"{model}@{pin_revision(model, revision) or 'main'}"
    return contents(folder, *WEIGHTS, *SETTINGS)


def pin_revision(model: str, revision: str | None) -> str | None:
    """The commit that a hub model's branch or tag, or `main`, was when it was fetched first; loading asks for it.

    So a model that its makers change later stays the one that this machine began with. As given where nothing was
    fetched, and for folders and commits.
    """
    from huggingface_hub import constants

    name = constants.REPO_ID_SEPARATOR.join(("models", *model.split("/")))
    fetched = Path(constants.HF_HUB_CACHE, name, "refs", revision or "main")
    return fetched.read_text().strip() if fetched.is_file() else revision


def contents(folder: Path, *suffixes: str) -> str:
    """Digest of the names and bytes of the files below a folder, of all or of those with these suffixes.

    Raises ValueError if there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: is no folder; give the path of one")
    total = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (not suffixes or path.suffix in suffixes):
            with path.open("rb") as file:
                total.update(os.fsencode(path.relative_to(folder).as_posix()) + file_digest(file, "sha256").digest())
    return total.hexdigest()


def write_part_digests(folder: Path, *parts: str) -> None:
    """Write the digests of these sub-folders down: they were taught together, a U-Net with the one autoencoder."""
    digests = {part: digest(str(folder / part), None) for part in parts}
    (folder / PARTS).write_text(json.dumps(digests, indent=1) + "\n")


def check_part_digests(folder: Path) -> None:
    """Raises MissingWeights where one of the parts is not the one that the others were taught with.

    A folder that does not say so, such as one that was fetched from a hub, is taken as it is.
    """
    if not (folder / PARTS).is_file():
        return
    remedy = "take all of its parts from one training: fetch the folder again, or run the flow `barnyard`"
    for part, taught_with in json.loads((folder / PARTS).read_text()).items():
        found = digest(str(folder / part), None) if (folder / part).is_dir() else "absent"
        check_digest(str(folder / part), found, f"the rest of {folder}", taught_with, remedy)


def check_digest(weights: str, found: str, user: str, taught_with: str, remedy: str) -> None:
    """Raises MissingWeights where the digest of `weights` is not the one that their `user` was taught with."""
    if found != taught_with:
        raise MissingWeights(
            f"{weights} is {found[:16]}, and {user} was taught with {taught_with[:16]}: they do not belong together; "
            f"{remedy}"
        )


@contextmanager
def replace_folder(folder: Path) -> Generator[Path]:
    """An empty folder to write to, which takes the place of `folder` when all went well."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def disable_progress_bars() -> None:
    """Switch off the libraries' progress bars for files that load in a second; they would fill the logs of workers."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()


@contextmanager
def report_missing_weights(model: str, what: str) -> Generator[None]:
    """Turn what a loader raises about absent or broken files into `MissingWeights`; detectron2 raises assertions."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError, SafetensorError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MissingWeights(f"{what} in {model} cannot be loaded ({line}); {_remedy(model)}") from error


def _remedy(model: str) -> str:
    """What brings these weights back."""
    folder = _folder(model)
    if folder is None:
        return "see that the network is there, or give a folder that has the whole model"
    if folder.resolve().is_relative_to(REPOSITORY / "weights"):
        return "check out `weights` again, or run the flow `barnyard`"
    return "copy the folder again"
