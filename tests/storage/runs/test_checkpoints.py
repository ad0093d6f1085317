import json
import logging
import os
from hashlib import sha256

import numpy as np
import pytest
import torch

from storage.runs.checkpoints import Checkpoint, Checkpoints, weights_bytes, weights_from
from storage.store import files, layout
from storage.store.versions import encode
from tests.storage.deaths import killed_at
from tests.storage.material import flip


def trained(steps: int):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(steps):
        model(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def state(steps: int = 2) -> dict:
    model, optimizer = trained(steps)
    return {"animal": model.state_dict(), "optimizer": optimizer.state_dict(), "skipped": 3, "note": None}


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_the_newest_state_comes_back_and_a_model_trains_on_from_it(root) -> None:
    checkpoints = Checkpoints(f"{root}/checkpoints")
    assert checkpoints.newest() is None
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    step, found = checkpoints.newest()
    assert step == 2
    assert same(found, state(2))
    model, optimizer = trained(0)
    model.load_state_dict(found["animal"])
    optimizer.load_state_dict(found["optimizer"])


def test_only_the_newest_are_kept(root) -> None:
    checkpoints = Checkpoints(f"{root}/checkpoints")
    for step in (5, 10, 15):
        checkpoints.save(step, {"step": step})
    assert checkpoints.steps() == [10, 15]
    assert len(files.names(f"{root}/checkpoints")) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip(path, 900),
        lambda path: os.truncate(path, 700),
        os.remove,
        lambda path: os.truncate(path.replace(".pt", ".json"), 5),
    ],
)
def test_a_corrupt_one_is_passed_over_with_a_warning(folder, caplog, damage) -> None:
    checkpoints = Checkpoints(folder)
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    damage(layout.checkpoint(folder, 2))
    with caplog.at_level(logging.WARNING):
        step, found = checkpoints.newest()
    assert step == 1
    assert same(found, state(1))
    assert "step-00000002" in caplog.text
    assert "taking an older checkpoint" in caplog.text


def test_a_run_that_had_to_start_again_keeps_its_new_checkpoints(folder) -> None:
    checkpoints = Checkpoints(folder)
    for step in (10, 20):
        checkpoints.save(step, state())
        flip(layout.checkpoint(folder, step), 900)
    assert checkpoints.newest() is None
    checkpoints.save(5, state())
    assert checkpoints.steps() == [5]
    assert checkpoints.newest()[0] == 5


def test_a_save_killed_anywhere_leaves_the_state_before_or_the_new_one(folder) -> None:
    checkpoints, touch, seen = Checkpoints(folder), 0, set()
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    while killed_at(touch, lambda: checkpoints.save(3, state(3))):
        step, found = checkpoints.newest()
        assert same(found, state(step))
        seen.add(step)
        touch += 1
    assert seen == {2, 3}
    assert touch > 8
    assert checkpoints.newest()[0] == 3
    assert sorted(os.listdir(folder)) == [f"step-0000000{step}.{kind}" for step in (2, 3) for kind in ("json", "pt")]


def test_code_in_a_checkpoint_is_not_run_although_its_digest_is_right(folder, tmp_path, caplog) -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    path = layout.checkpoint(folder, 1)
    os.makedirs(folder)
    torch.save({"animal": Evil()}, path)
    data = files.get(path)
    entry = Checkpoint(step=1, size=len(data), digest=sha256(data).hexdigest())
    files.put(layout.checkpoint_manifest(folder, 1), encode(entry))
    assert Checkpoints(folder).newest() is None
    assert "holds more than tensors and plain values" in caplog.text
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": {"b": [1, np.float64(2)]}}, r"state\['a'\]\['b'\]\[1\] is a float64"),
        ({"a": object()}, r"state\['a'\] is a object"),
        ({"a": {np.int64(1): 2}}, r"a key of state\['a'\] is a int64"),
    ],
)
def test_what_could_not_be_loaded_again_is_not_saved(folder, value, where) -> None:
    with pytest.raises(ValueError, match=where):
        Checkpoints(folder).save(1, value)
    assert Checkpoints(folder).steps() == []


def test_weights_are_the_same_bytes_each_time_and_come_back() -> None:
    """The words about them are sorted: the library writes them in the order of a hash map."""
    model, _ = trained(1)
    weights = model.state_dict() | {"tied": model.weight}
    about = {"category": "cow", "run": "laptop", "stage": "animal", "a": "b", "more": "words"}
    data = weights_bytes(weights, about)
    assert all(weights_bytes(weights, about) == data for _ in range(20))
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert header["__metadata__"] == about and list(header["__metadata__"]) == sorted(about) and length % 8 == 0
    assert same(weights_from(data), weights)
