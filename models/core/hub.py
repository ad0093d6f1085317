"""What a model's folder or its hub page says of it before anything large is read or fetched.

Reading the one small file that describes a model is also the check whether the model can be had at all.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from models.core.errors import MissingWeights
from models.core.weights import WEIGHTS, locate

REQUEST_SECONDS, WAIT_SECONDS = 4.0, 7.0
"""How long a request may stay without an answer, and how long a plan waits for what it asks of the hub."""

Answer = TypeVar("Answer")


def read_settings(model: str, revision: str | None, name: str) -> dict[str, Any]:
    """The file `name`, such as config.json, of a folder or of a hub model whose weights are here or can be fetched.

    A model that was fetched before is not asked for again. Raises MissingWeights within ten seconds, with what is not
    there and what to type.
    """
    located = locate(model)
    if Path(located).is_dir():
        lacking = missing_files(Path(located), name)
        if lacking:
            raise MissingWeights(f"{located} has no {lacking}; copy the folder again, or name another model")
        return _parse(Path(located) / name)
    cached = cached_file(located, revision, name)
    if cached and not missing_files(cached.parents[name.count("/")], name):
        return _parse(cached)
    return _parse(Path(_ask_hub(located, revision, name)))


def check_files(folder: str, *names: str) -> None:
    """Raises MissingWeights where a folder of weights, or one of these files in it, is not there."""
    located = Path(locate(folder))
    if lacking := next((name for name in names if not (located / name).is_file()), None):
        raise MissingWeights(f"{located} has no {lacking}; mend the path, or copy the folder again")


def check_address(address: str) -> None:
    """Raises MissingWeights, within ten seconds, where nothing can be fetched from this address."""
    question = Request(address, method="HEAD")
    _, error = within(WAIT_SECONDS, lambda: urlopen(question, timeout=REQUEST_SECONDS).close())
    if error:
        raise MissingWeights(
            f"{address} cannot be fetched ({error}); fetch it where there is a network, and give its path"
        ) from error


def cached_file(model: str, revision: str | None, name: str) -> Path | None:
    """A file of a hub model as it was fetched before; None where it was not."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(model, name, revision=revision)
    except HFValidationError:
        return None
    return Path(cached) if isinstance(cached, str) else None


def missing_files(folder: Path, name: str) -> str | None:
    """What a whole model would have in this folder and is not there: the file `name`, or weights.

    A `model_index.json` lists the parts of a pipeline, which have folders of their own. The settings of one part say
    nothing of the others.
    """
    if not (folder / name).is_file() or "/" in name:
        return None if (folder / name).is_file() else name
    parts = _parse(folder / name).items() if name == "model_index.json" else ()
    names = [part for part, kind in parts if isinstance(kind, list) and all(kind)]
    for part in names:
        if not (folder / part).is_dir():
            return f"folder {part}"
    folders = [folder / part for part in names if (folder / part / "config.json").is_file()] if names else [folder]
    lacking = (missing for where in folders for missing in _missing_weights(where))
    return next((path.relative_to(folder).as_posix() for path in lacking), None)


def _missing_weights(folder: Path) -> Iterator[Path]:
    """Weights that an index of several files lists and that are not there; without an index, any weights at all."""
    indices = sorted(folder.glob("*.index.json"))
    for index in indices:
        yield from (folder / file for file in _parse(index)["weight_map"].values() if not (folder / file).is_file())
    if not indices and not any(path.suffix in WEIGHTS for path in folder.glob("*")):
        yield folder / "model.safetensors"


def _parse(file: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(file.read_text())
    except ValueError as error:
        raise MissingWeights(f"{file} is no JSON ({error}); copy or fetch the model again") from error
    if not isinstance(parsed, Mapping):
        raise MissingWeights(f"{file} holds {type(parsed).__name__}, not settings; copy or fetch the model again")
    return dict(parsed)


def _ask_hub(model: str, revision: str | None, name: str) -> str:
    """The path of the file, fetched from the hub; asked first whether the hub answers, which a download asks six times.

    Raises MissingWeights with what the hub says of the model, or that it does not answer.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    def ask() -> str:
        HfApi().model_info(model, revision=revision, timeout=REQUEST_SECONDS)
        return hf_hub_download(model, name, revision=revision, etag_timeout=REQUEST_SECONDS)

    path, error = within(WAIT_SECONDS, ask)
    match error:
        case None:
            return path or ""
        case HFValidationError():
            why = "no folder has this name, and a hub model is named as owner/model; mend it"
        case GatedRepoError():
            why = f"its terms have to be accepted at {ENDPOINT}/{model} first, and `hf auth login` typed here"
        case RepositoryNotFoundError():
            why = f"{ENDPOINT} knows no such model; mend its name"
        case RevisionNotFoundError():
            why = f"{ENDPOINT}/{model} has no revision {revision}; mend it"
        case EntryNotFoundError():
            why = f"{ENDPOINT}/{model} has no {name}; name a model of another kind"
        case OfflineModeIsEnabled():
            why = f"it is not whole on this machine and HF_HUB_OFFLINE is set; unset it, or {_by_hand(model)}"
        case _:
            reason = str(error) or type(error).__name__
            why = f"it is not whole on this machine and {ENDPOINT} does not answer ({reason}); {_by_hand(model)}"
    raise MissingWeights(f"{model} cannot be had: {why}") from error


def _by_hand(model: str) -> str:
    folder = model.rpartition("/")[2]
    return f"where there is a network type `hf download {model} --local-dir {folder}`, and name that folder here"


def within(seconds: float, ask: Callable[[], Answer]) -> tuple[Answer | None, BaseException | None]:
    """The answer, or what went wrong; a question that nobody answers in time is given up."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(ask)
    pool.shutdown(wait=False)
    try:
        error = future.exception(seconds)
    except TimeoutError:
        return None, TimeoutError(f"nothing came in {seconds:g} s")
    return (None, error) if error else (future.result(), None)
