import pytest

from storage.runs import training_runs
from storage.store import files, layout
from storage.store.errors import OtherVersion
from storage.store.layout import Store
from storage.store.references import Record


class Recipe(Record):
    steps: int = 400
    rates: tuple[float, ...] = (1e-3, 3e-5)


def test_what_a_run_was_started_with_is_read_again(root) -> None:
    store = Store(root)
    model = store.model("cow", "laptop-1")
    assert training_runs.read_start(model) is None
    training_runs.write_start(model, store.dataset("cow", 7), Recipe())
    found = training_runs.read_start(model)
    assert found.snapshot == 7 and Recipe.model_validate(found.recipe) == Recipe()


def test_what_another_version_wrote_is_refused(root) -> None:
    model = Store(root).model("cow", "laptop-1")
    files.put(layout.run_config(model), Recipe().model_dump_json().encode())
    with pytest.raises(OtherVersion, match="config.json: was written in version 1"):
        training_runs.read_start(model)
