import json
from functools import partial

import pytest
import torch

from models.core.schedule import Schedule
from models.features import Pca
from models.methods.magicpony.warm_start import WarmStart, write
from storage.dataset import pruning, samples, snapshots
from storage.runs.checkpoints import Checkpoints, weights_from
from storage.runs.metrics_log import read_metrics
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, layout
from storage.store.layout import Store
from tasks import train as module
from tasks.train import train
from tests.tasks.material import tiny_model


class Stopped(BaseException):
    """Like Prefect's TerminationSignal: no Exception."""


def weights(model):
    return weights_from(bundles.read(layout.model(model), "animal.safetensors"))


def test_a_finished_run_has_weights_recipe_numbers_and_pictures(model, crops, vit):
    assert json.loads(bundles.read(layout.model(model), "recipe.json")) == tiny_model(vit).model_dump(mode="json")
    assert bundles.read_about(layout.model(model), ModelAbout).snapshot == crops.snapshot
    assert [line["step"] for line in read_metrics(layout.metrics(model))] == [2, 4]
    assert Checkpoints(layout.checkpoints(model)).steps() == [2, 4]


def test_it_learns_from_the_training_split_with_features(crops, vit):
    train_rows = [row for row in snapshots.read(crops).shards]
    described, seen = module._described(crops, tiny_model(vit), "cpu:0")
    assert 0 < len(described) == len(samples.of_dataset(crops, "train")) <= sum(shard.kept for shard in train_rows)
    assert len(seen) == len(described) and all(each.features.shape == (4, 4, 4) for each in described)


def test_a_finished_run_is_not_trained_again(model, crops, vit, monkeypatch):
    monkeypatch.setattr(module, "fit", lambda *_: pytest.fail("trained again"))
    assert train.fn(model, crops, tiny_model(vit), "cpu") == model


def test_a_stopped_run_saves_where_it_stands_and_continues_to_the_same_weights(model, crops, vit, monkeypatch):
    other = Store(crops.root).model("cow", "stopped")
    report, needs = module._Report.__call__, partial(pruning._needs, Store(crops.root), "cow")

    def dies(self, step, values, panel):
        if step == 2:
            assert (crops.snapshot, "run stopped is learning") in list(needs())
            raise Stopped
        report(self, step, values, panel)

    with monkeypatch.context() as patch:
        patch.setattr(module._Report, "__call__", dies)
        with pytest.raises(Stopped):
            train.fn(other, crops, tiny_model(vit), "cpu")
    assert Checkpoints(layout.checkpoints(other)).steps() == [2]
    assert bundles.committed(layout.model(other)) is None
    assert any(number == crops.snapshot and "stopped after step 2 and can go on" in why for number, why in needs())
    train.fn(other, crops, tiny_model(vit), "cpu")
    straight, continued = weights(model), weights(other)
    assert all(torch.equal(straight[name], continued[name]) for name in straight)


def test_a_warm_start_gives_its_weights_and_its_directions(model, crops, vit, tmp_path):
    recipe = tiny_model(vit)
    parts = vit.build(torch.device("cpu"))
    quadruped = recipe.animal.build(recipe.category, parts)
    quadruped.load_state_dict(weights(model))
    write(tmp_path, quadruped, Pca(torch.zeros(32), torch.eye(32)[:, :4]))
    warm = recipe.model_copy(update={"warm_start": WarmStart(model=str(tmp_path), begin=0.9)})
    frozen = warm.model_copy(update={"training": warm.training.model_copy(update={"decay": Schedule(0.0)})})
    ref = Store(crops.root).model("cow", "warm")
    train.fn(ref, crops, frozen, "cpu")
    ours, given = weights(ref), weights(model)
    assert all(
        torch.allclose(ours[name].float(), given[name].float(), atol=1e-2) for name in ours if name != "tree_age"
    )
    (maps, _), (others, _) = (module._described(crops, each, "cpu:0") for each in (warm, recipe))
    assert not (maps[0].features == others[0].features).all()
