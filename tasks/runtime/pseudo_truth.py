"""Derived columns of a data set, read for training."""

from typing import TypeVar

from models.data.columns import Content, DerivedColumn, PseudoTruth
from storage.dataset import samples
from storage.dataset.derived import recipe_of
from storage.dataset.records import Split
from storage.dataset.tar_io import REMEDY
from storage.store.errors import CorruptArtifact
from storage.store.references import DerivedRef

Kind = TypeVar("Kind", bound=Content)


def read_column(ref: DerivedRef, split: Split, column: DerivedColumn[Kind]) -> list[PseudoTruth[Kind]]:
    """One column of the crops that `samples.of_dataset` gives, in the same order.

    Raises MissingArtifact if it is not derived yet, CorruptArtifact if it is damaged or derived from other crops.
    """
    stored, model = samples.of_derived(ref, split), recipe_of(ref).model
    answers: list[PseudoTruth[Kind]] = []
    for number, row in enumerate(stored.rows):
        try:
            answers.append(column.decode(stored.members(number)[column.extension], model))
        except (KeyError, ValueError) as error:
            where = stored.tars[number].url
            raise CorruptArtifact(
                where, f"sample {row.key} has no readable column {column.name} ({error})", REMEDY
            ) from error
    return answers
