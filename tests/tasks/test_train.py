import json

import pytest
import torch

from storage import bundles, layout, snapshots
from storage.checkpoints import Checkpoints, weights_from
from storage.journal import read
from storage.layout import Store
from tasks import train as module
from tasks.train import train
from tests.tasks.material import tiny_model


class Stopped(BaseException):
    """Like Prefect's TerminationSignal: no Exception."""


def weights(model):
    return weights_from(bundles.read(layout.model(model), "animal.safetensors"))


def test_a_finished_run_has_weights_recipe_numbers_and_pictures(model, crops, vit):
    assert json.loads(bundles.read(layout.model(model), "recipe.json")) == tiny_model(vit).model_dump(mode="json")
    assert bundles.committed(layout.model(model)).about["snapshot"] == crops.snapshot
    assert [line["step"] for line in read(layout.journal(model))] == [2, 4]
    assert Checkpoints(layout.checkpoints(model)).steps() == [2, 4]


def test_it_learns_from_the_training_split_with_features(crops, vit):
    train_rows = [row for row in snapshots.read(crops).shards]
    described = module._described(crops, tiny_model(vit), "cpu:0")
    assert 0 < len(described) <= sum(shard.kept for shard in train_rows)
    assert all(each.row.split == "train" and each.features.shape == (4, 4, 4) for each in described)


def test_a_finished_run_is_not_trained_again(model, crops, vit, monkeypatch):
    monkeypatch.setattr(module, "fit", lambda *_: pytest.fail("trained again"))
    assert train.fn(model, crops, tiny_model(vit), "cpu") == model


def test_a_stopped_run_saves_where_it_stands_and_continues_to_the_same_weights(model, crops, vit, monkeypatch):
    other = Store(crops.root).model("cow", "stopped")
    report = module._Report.__call__

    def dies(self, step, values, panel):
        if step == 2:
            raise Stopped
        report(self, step, values, panel)

    with monkeypatch.context() as patch:
        patch.setattr(module._Report, "__call__", dies)
        with pytest.raises(Stopped):
            train.fn(other, crops, tiny_model(vit), "cpu")
    assert Checkpoints(layout.checkpoints(other)).steps() == [2]
    assert bundles.committed(layout.model(other)) is None
    train.fn(other, crops, tiny_model(vit), "cpu")
    straight, continued = weights(model), weights(other)
    assert all(torch.equal(straight[name], continued[name]) for name in straight)
