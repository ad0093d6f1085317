import json
import os
import shutil
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from models.core.schedule import Schedule
from models.features import Pca
from models.methods.magicpony.config import STAGE
from models.methods.magicpony.warm_start import WarmStart, write
from storage.dataset import pruning, samples, snapshots
from storage.runs.checkpoints import Checkpoints, weights_from
from storage.runs.metrics_log import read_metrics
from storage.runs.training_runs import ModelAbout, StageAbout, read_start
from storage.store import bundles, layout
from storage.store.errors import MissingArtifact
from storage.store.layout import Store
from tasks import train as module
from tasks.inference.loading import stage_artifacts
from tasks.train import assemble, train
from tests.storage.material import contents, flip
from tests.tasks.material import tiny_model, trained
from tests.tasks.two_stages import FINE, ROUGH, two_stages


class Stopped(BaseException):
    """Like Prefect's TerminationSignal: no Exception."""


def weights(model, stage=STAGE):
    return weights_from(bundles.read(layout.stage(model, stage), f"{stage}.safetensors"))


def dies_in(monkeypatch, stage, step, seen=lambda: None):
    """A training is stopped in its report of a step; `seen` is called before."""
    report = module._Report.__call__

    def dies(self, at, values, panel):
        if (self.stage.name, at) == (stage, step):
            seen()
            raise Stopped
        report(self, at, values, panel)

    monkeypatch.setattr(module._Report, "__call__", dies)


def test_a_finished_run_has_weights_recipe_numbers_and_pictures(model, crops, vit):
    assert json.loads(bundles.read(layout.model(model), "recipe.json")) == tiny_model(vit).model_dump(mode="json")
    about = bundles.read_about(layout.model(model), ModelAbout)
    assert (about.snapshot, about.stages) == (crops.snapshot, (STAGE,))
    assert bundles.read_about(layout.stage(model, STAGE), StageAbout).steps == 4
    assert [line["step"] for line in read_metrics(model, STAGE)] == [2, 4]
    assert Checkpoints(layout.checkpoints(model, STAGE)).steps() == [2, 4]
    assert os.path.exists(layout.panel(model, STAGE, 4))


def test_the_bar_of_a_stage_of_one_step_a_crop_ends_with_the_last_crop(crops, vit, monkeypatch):
    totals, stage, bar = [], module._stage, SimpleNamespace(at=lambda step: None)
    monkeypatch.setattr(module.artifacts, "Progress", lambda total, _: totals.append(total) or bar)
    for steps in (0, 7):
        monkeypatch.setattr(module, "_stage", lambda *which, steps=steps: replace(stage(*which), steps=steps))
        train.fn(Store(crops.root).model("cow", f"bar{steps}"), ROUGH, crops, two_stages(vit), "cpu")
    assert totals == [len(samples.of_dataset(crops, "train")), 7]


def test_it_learns_from_the_training_split_with_features(crops, vit, monkeypatch):
    contexts = []
    recipe = two_stages(vit, contexts.append)
    ref = Store(crops.root).model("cow", "shown")
    train.fn(ref, ROUGH, crops, recipe, "cpu")
    (context,) = contexts
    train_rows = list(snapshots.read(crops).shards)
    assert 0 < len(context.samples) == len(samples.of_dataset(crops, "train")) <= sum(s.kept for s in train_rows)
    known = tiny_model(vit).method.crops(context, context.load(vit))
    assert len(known) == len(context.samples)
    batch = known.batch(torch.arange(len(known)))
    assert batch.features.shape == (len(known), 4, 4, 4) and batch.seen.shape[0] == len(known)


def test_a_finished_run_is_not_trained_again(model, crops, vit, monkeypatch):
    monkeypatch.setattr(module, "_run", lambda *_: pytest.fail("trained again"))
    assert trained(model, crops, tiny_model(vit)) == model


def test_a_stopped_run_saves_where_it_stands_and_continues_to_the_same_weights(model, crops, vit, monkeypatch):
    other = Store(crops.root).model("cow", "stopped")
    needs = partial(pruning._needs, Store(crops.root), "cow")

    def learning():
        assert (crops.snapshot, "run stopped is learning") in list(needs())

    with monkeypatch.context() as patch:
        dies_in(patch, STAGE, 2, learning)
        with pytest.raises(Stopped):
            train.fn(other, STAGE, crops, tiny_model(vit), "cpu")
    assert Checkpoints(layout.checkpoints(other, STAGE)).steps() == [2]
    assert bundles.find_committed(layout.stage(other, STAGE)) is None
    stopped = f"stopped after step 2 of stage {STAGE} and can go on"
    assert any(number == crops.snapshot and stopped in why for number, why in needs())
    train.fn(other, STAGE, crops, tiny_model(vit), "cpu")
    straight, continued = weights(model), weights(other)
    assert all(torch.equal(straight[name], continued[name]) for name in straight)


def test_a_stage_goes_on_from_what_the_one_before_it_left_behind(crops, vit):
    contexts = []
    recipe = two_stages(vit, contexts.append)
    ref = trained(Store(crops.root).model("cow", "two"), crops, recipe)
    first, second = contexts
    assert dict(first.artifacts) == {} and list(second.artifacts) == [ROUGH]
    assert torch.equal(second.artifacts[ROUGH].tensors["value"], weights(ref, ROUGH)["value"])
    assert second.artifacts[ROUGH].summary.steps == 4
    assert bundles.read_about(layout.model(ref), ModelAbout).stages == (ROUGH, FINE)
    for stage in (ROUGH, FINE):
        assert [line["step"] for line in read_metrics(ref, stage)] == [2, 4]


def test_a_killed_stage_goes_on_and_the_finished_one_before_it_is_reused(crops, vit, monkeypatch):
    straight = trained(Store(crops.root).model("cow", "straight"), crops, two_stages(vit))
    ref, contexts = Store(crops.root).model("cow", "killed"), []
    recipe = two_stages(vit, contexts.append)
    with monkeypatch.context() as patch:
        dies_in(patch, FINE, 2)
        with pytest.raises(Stopped):
            trained(ref, crops, recipe)
    file = layout.member(layout.stage(ref, ROUGH), f"{ROUGH}.safetensors")
    before = os.stat(file).st_mtime_ns
    assert list(stage_artifacts(ref, recipe)) == [ROUGH]
    assert Checkpoints(layout.checkpoints(ref, FINE)).steps() == [2]
    assert bundles.find_committed(layout.model(ref)) is None
    contexts.clear()
    trained(ref, crops, recipe)
    assert [list(context.artifacts) for context in contexts] == [[ROUGH]], "the first stage was trained again"
    assert os.stat(file).st_mtime_ns == before
    for stage in (ROUGH, FINE):
        assert torch.equal(weights(ref, stage)["value"], weights(straight, stage)["value"])


def test_a_model_is_whole_only_after_its_last_stage(crops, vit):
    ref, recipe = Store(crops.root).model("cow", "half"), two_stages(vit)
    train.fn(ref, ROUGH, crops, recipe, "cpu")
    with pytest.raises(MissingArtifact, match=f"stages/{FINE}: is not committed; run magicpony/cow again"):
        assemble.fn(ref, crops, recipe)
    assert bundles.find_committed(layout.model(ref)) is None and read_start(ref).snapshot == crops.snapshot
    train.fn(ref, FINE, crops, recipe, "cpu")
    assemble.fn(ref, crops, recipe)
    assert bundles.find_committed(layout.model(ref)).files.keys() == {"recipe.json"}


def test_a_warm_start_gives_its_weights_and_its_directions(model, crops, vit, tmp_path):
    recipe = tiny_model(vit)
    method = recipe.method
    quadruped = method.animal.build(recipe.category, vit.build(torch.device("cpu")))
    quadruped.load_state_dict(weights(model))
    write(tmp_path, quadruped, Pca(torch.zeros(32), torch.eye(32)[:, :4]))
    start = WarmStart(model=str(tmp_path), begin=0.9)
    training = method.training.model_copy(update={"lr_schedule": Schedule(0.0)})
    warm = method.model_copy(update={"warm_start": start, "training": training})
    ref = Store(crops.root).model("cow", "warm")
    trained(ref, crops, recipe.model_copy(update={"method": warm}))
    ours, given = weights(ref), weights(model)
    assert all(
        torch.allclose(ours[name].float(), given[name].float(), atol=1e-2) for name in ours if name != "tree_age"
    )
    contexts = []
    train.fn(Store(crops.root).model("cow", "maps"), ROUGH, crops, two_stages(vit, contexts.append), "cpu")
    row = torch.arange(1)
    maps, others = (each.crops(contexts[0], contexts[0].load(vit)).batch(row).features for each in (warm, method))
    assert not (maps == others).all()


def test_what_is_damaged_of_a_finished_run_is_made_again_to_the_same_bytes(model, crops, vit, tmp_path):
    root = tmp_path / "moved"
    shutil.copytree(crops.root, root)
    ref, moved = model.model_copy(update={"root": str(root)}), crops.model_copy(update={"root": str(root)})
    whole = contents(layout.run(ref))
    assert trained(ref, moved, tiny_model(vit)) == ref and contents(layout.run(ref)) == whole
    stage = layout.stage(ref, STAGE)
    for url in (f"{stage}/{STAGE}.safetensors", layout.metrics(ref, STAGE), layout.bundle(stage)):
        flip(url, 100)
        trained(ref, moved, tiny_model(vit))
        assert contents(layout.run(ref)) == whole, url
    for url in (f"{layout.model(ref)}/recipe.json", layout.bundle(layout.model(ref)), layout.run_config(ref)):
        flip(url, 100)
        trained(ref, moved, tiny_model(vit))
        assert contents(layout.run(ref)) == whole, url


def test_a_model_names_the_snapshot_that_its_crops_have_now(model, crops, vit, tmp_path, monkeypatch):
    """The old one was lost, and the same crops got another number."""
    root = tmp_path / "moved"
    shutil.copytree(crops.root, root)
    ref, renamed = (
        model.model_copy(update={"root": str(root)}),
        crops.model_copy(update={"root": str(root), "snapshot": 2}),
    )
    monkeypatch.setattr(module, "_run", lambda *_: pytest.fail("trained again"))
    trained(ref, renamed, tiny_model(vit))
    assert bundles.read_about(layout.model(ref), ModelAbout).snapshot == read_start(ref).snapshot == 2


def journal(model):
    return [{name: line[name] for name in line if name != "steps_per_second"} for line in read_metrics(model, STAGE)]


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_go_on_where_they_were_stopped(crops, vit, monkeypatch):
    recipe = tiny_model(vit)
    # Rounded to half of the digits, sums over half of the batch are other sums.
    exact = recipe.method.training.model_copy(update={"bf16": "nothing"})
    recipe = recipe.model_copy(update={"method": recipe.method.model_copy(update={"training": exact})})
    alone, shared = (Store(crops.root).model("cow", name) for name in ("alone", "shared"))
    train.fn(alone, STAGE, crops, recipe, "cpu")
    with monkeypatch.context() as patch:
        dies_in(patch, STAGE, 4)
        with pytest.raises(Stopped):
            train.fn(shared, STAGE, crops, recipe, "cpu", processes=2)
    assert Checkpoints(layout.checkpoints(shared, STAGE)).steps() == [2, 4]
    Checkpoints(layout.checkpoints(shared, STAGE)).discard(4)
    with pytest.raises(ValueError, match="step 2 was made with processes: 2, and this run has processes: 1"):
        train.fn(shared, STAGE, crops, recipe, "cpu")
    train.fn(shared, STAGE, crops, recipe, "cpu", processes=2)
    assert Checkpoints(layout.checkpoints(shared, STAGE)).steps() == [2, 4]
    for ours, theirs in zip(journal(shared), journal(alone), strict=True):
        assert ours.keys() == theirs.keys()
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    ours, theirs = weights(shared), weights(alone)
    assert all(torch.allclose(ours[name].float(), theirs[name].float(), atol=1e-3) for name in theirs)
