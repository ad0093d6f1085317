"""The methods of a category that have a release, loaded to be asked about the same photos."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from models.core.errors import Farm3dError
from models.metrics.resolution import AtResolution
from models.rendering.reconstruction import Reconstructor, Refinable
from storage.runs.scores import START
from storage.store.errors import StorageError
from storage.store.references import ModelRef
from tasks.inference.loading import load_start, recipe_of, reconstructor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contestant:
    """A method that answers crops of any size."""

    name: str
    model: ModelRef
    size: int
    """Pixels along an edge of the crops that it reads."""
    answers: Reconstructor
    is_refined: bool = False
    """Whether each answer is fitted to its very photo and mask."""


def load_contestants(models: Mapping[str, ModelRef], where: str) -> tuple[list[Contestant], dict[str, str]]:
    """The models by their methods' names, as they predict and, where they can, refined; and why others are left out.

    Raises the error of the first one where none can be loaded.
    """
    contestants: list[Contestant] = []
    errors: dict[str, Exception] = {}
    for name, model in models.items():
        try:
            contestants += _variants(name, model, where)
        except (Farm3dError, StorageError) as error:
            logger.warning("%s is left out: %s", name, error)
            errors[name] = error
    if errors and not contestants:
        raise next(iter(errors.values()))
    return contestants, {name: str(error) for name, error in errors.items()}


def _variants(name: str, model: ModelRef, where: str) -> list[Contestant]:
    size, loaded = recipe_of(model).method.resolution, reconstructor(model, where)
    variants = [Contestant(name, model, size, AtResolution(loaded, size))]
    if isinstance(loaded, Refinable):
        refined = AtResolution(loaded.refined(), size)
        variants.append(Contestant(f"{name}, refined", model, size, refined, is_refined=True))
    return variants


def load_starts(models: Mapping[str, ModelRef], where: str) -> dict[str, Reconstructor]:
    """Each method before its training, where it has one and its start is still there."""
    starts: dict[str, Reconstructor] = {}
    for name, model in models.items():
        recipe = recipe_of(model)
        start = load_start(recipe, where)
        if start is not None:
            starts[f"{name}, {START}"] = AtResolution(start, recipe.method.resolution)
    return starts
