import pickle

import pytest
from pydantic import BaseModel, ValidationError

from storage.store.errors import CorruptArtifact, StorageError, words


def test_an_error_says_where_what_and_what_to_do_also_after_a_trip_between_processes() -> None:
    error = pickle.loads(pickle.dumps(CorruptArtifact("cow/00000.tar", "has 3 bytes, not 4", "make it again")))
    assert isinstance(error, StorageError)
    assert str(error) == "cow/00000.tar: has 3 bytes, not 4; make it again"
    assert (error.where, error.remedy) == ("cow/00000.tar", "make it again")


def test_a_foreign_error_becomes_part_of_a_sentence() -> None:
    class Row(BaseModel):
        seed: int

    with pytest.raises(ValidationError) as wrong:
        Row.model_validate({"seed": "x"})
    assert words(wrong.value).startswith("seed: Input should be a valid integer")
    with pytest.raises(ValidationError) as wrong:
        Row.model_validate(3)
    assert words(wrong.value).startswith("all of it: Input should be a valid dictionary")
    assert words(OSError("no room\nsecond line")) == "no room"
    assert words(MemoryError()) == "MemoryError"
