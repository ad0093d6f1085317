import errno
from pathlib import Path

import numpy as np
import pytest

from flows.cli.failures import HOMELESS, MEMORY, explain_failure
from models.core.category import Skeleton
from models.core.errors import NothingKept
from storage.store.errors import StorageFull
from storage.store.layout import Store


def raised(action):
    with pytest.raises(ValueError) as caught:
        action()
    return caught.value


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NothingKept("no cow was found"), "no cow was found"),
        (StorageFull("data", "no room for 3 bytes", "free some"), "data: no room for 3 bytes; free some"),
        (OSError(errno.EROFS, "x", "data/a"), "data/a: read-only file system; choose a place that can be written to"),
        (OSError(errno.EIO, "x", b"a"), "a: input/output error; mend that and run the command again"),
        (
            ConnectionError("s3://farm: the store cannot be reached; run again"),
            "s3://farm: the store cannot be reached",
        ),
        (MemoryError(), MEMORY),
        (RuntimeError("CUDA out of memory. Tried"), MEMORY),
        (RuntimeError("shapes differ"), None),
        (KeyError("jpg"), None),
        (AssertionError(), None),
    ],
)
def test_what_can_be_mended_is_told_and_the_rest_is_a_bug(error, sentence):
    said = explain_failure(error)
    assert said is None if sentence is None else said.startswith(sentence)


def test_a_wrong_value_is_told_by_whoever_looks_for_it_and_a_bug_in_a_library():
    assert explain_failure(raised(lambda: np.linalg.inv(np.zeros((2, 3))))) is None
    assert "legs" in explain_failure(raised(lambda: Skeleton(legs=3)))
    assert "category" in explain_failure(raised(lambda: Store("data").release("../x", "a")))


def test_a_user_without_a_home_is_told_to_set_one(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises(RuntimeError) as caught:
        Path.home()
    assert explain_failure(caught.value) == HOMELESS


def test_a_store_without_keys_says_which(monkeypatch):
    exceptions = pytest.importorskip("botocore.exceptions")
    said = explain_failure(exceptions.NoCredentialsError())
    assert said.startswith("Unable to locate credentials; set AWS_ACCESS_KEY_ID")
