"""The story of every method, and the whole of it through a real server and worker, killed on its way."""

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from flows import farm3d as module
from flows.control.crashed_runs import PAGE, read_pages
from flows.plan.plan import load_plan
from models.methods import methods
from storage.runs.metrics_log import read_metrics
from storage.runs.releases import published_releases
from storage.store import bundles, layout

MINUTES = 60
STATES = "runs/*/stages/*/checkpoints/*.json"


def wait_for(found, seconds):
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)
    return answer


def start(launcher, root):
    """Begin a run; the id of its process."""
    parameters = json.dumps({"scale": "smoke", "root": root})
    launcher.prefect("deployment", "run", "farm3d/cow", "--params", parameters, quiet=True)

    with launcher.client() as client:
        story = client.read_flow_by_name("farm3d").id

    def processes():
        # What clears up after a crashed run may be at work too.
        runs = [run for run in launcher.unfinished() if run.flow_id == story]
        return [int(run.infrastructure_pid) for run in runs if run.infrastructure_pid]

    return wait_for(processes, 2 * MINUTES)[0]


def committed(root, pattern):
    return sorted(Path(root, "cow").glob(pattern))


def states(launcher):
    with launcher.client() as client:
        return [run.state.name for run in client.read_task_runs() if run.name.startswith("generate-")]


def stamps(paths):
    return {path: path.stat().st_mtime_ns for path in paths}


@pytest.mark.parametrize("method", methods())
def test_every_method_has_the_story_under_its_name(method):
    flow = getattr(module, method)
    assert flow.name == method and getattr(module, method) is flow
    assert flow.parameters.properties.keys() == {"category", "scale", "root", "changes"}


def test_what_is_no_method_has_no_flow():
    with pytest.raises(AttributeError, match="module flows.farm3d has no attribute 'farm4d'"):
        _ = module.farm4d


@pytest.mark.parametrize("stages", [("shape", "coat"), ()])
def test_every_stage_is_trained_in_its_order_and_the_model_assembled_last(monkeypatch, stages):
    order = []
    plan = SimpleNamespace(
        model=lambda crops, derived: f"run on {crops} and {derived}",
        model_recipe="recipe",
        method=SimpleNamespace(stages=lambda: [SimpleNamespace(name=name) for name in stages]),
        device="cpu",
        processes=1,
    )
    monkeypatch.setattr(module, "derive", lambda plan, crops: "columns")
    monkeypatch.setattr(module, "train", lambda model, stage, *_: order.append((stage, model)))
    monkeypatch.setattr(module, "assemble", lambda model, *_: order.append(("assemble", model)) or model)
    assert module.training(plan, "crops") == "run on crops and columns"
    assert order == [(name, "run on crops and columns") for name in (*stages, "assemble")]


@pytest.mark.slow
def test_killed_twice_it_ends_with_nothing_made_twice(launcher, tmp_path, capfd):
    root = str(tmp_path / "data")

    flow = start(launcher, root)
    wait_for(lambda: committed(root, "raw/*/*.json"), 5 * MINUTES)
    os.kill(flow, signal.SIGKILL)
    # Two shards are drawn at once: the other's tar may be there without the manifest that commits it.
    first = stamps([path.with_suffix(".tar") for path in committed(root, "raw/*/*.json")])
    wait_for(lambda: launcher.mark_crashed_runs() or not launcher.unfinished(), MINUTES)

    flow = start(launcher, root)
    wait_for(lambda: "prefect.engine" in psutil.Process(flow).cmdline(), 2 * MINUTES)
    os.kill(launcher.worker.running().pid, signal.SIGKILL)
    wait_for(lambda: committed(root, STATES), 8 * MINUTES)  # It goes on without its worker.
    os.kill(flow, signal.SIGKILL)
    assert not committed(root, "runs/*/model/*"), "the training was over before it was killed"
    second = stamps(committed(root, "*/*/*.tar"))
    (saved, *_) = [int(path.stem.removeprefix("step-")) for path in committed(root, STATES)]

    launcher.up()
    assert (
        launcher.prefect(
            "deployment", "run", "farm3d/cow", "--params", json.dumps({"scale": "smoke", "root": root}), "--watch"
        )
        == 0
    )
    last = stamps(committed(root, "*/*/*.tar"))
    assert first.items() <= second.items() == last.items(), "a committed shard was written again"
    assert "Reused" in states(launcher)

    (published,) = published_releases(load_plan("cow", "smoke", root).store, "cow")
    release = published.ref
    assert (published.about.method, published.about.scale) == ("farm3d", "smoke")
    model = load_plan("cow", "smoke", root).store.model("cow", release.run)
    steps = [line["step"] for line in read_metrics(model, "animal")]
    assert steps == list(range(5, 31, 5)) and saved >= 10
    assert {"report.html", "cow-1.glb"} <= set(bundles.find_committed(layout.release(release)).files)
    assert "publish-cow" in capfd.readouterr().out


@pytest.mark.slow
def test_the_ui_shows_every_stage(launcher, tmp_path):
    with launcher.client() as client:
        keys = {artifact.key for artifact in client.read_artifacts()}
        runs = list(read_pages(lambda offset: client.read_task_runs(limit=PAGE, offset=offset)))
        described = {artifact.key: artifact.description for artifact in client.read_artifacts() if artifact.key}
    assert {"filter-cow", "crops-cow", "segment-cow", "dataset-cow"} <= keys, "one entry, whatever the shards"
    assert {"panel-cow", "losses-cow", "scores-cow-barnyard-animals", "release-cow"} <= keys
    assert all(described.values())
    # The default UI knows these three and shows nothing where it meets another; a training takes nothing of a task.
    inputs = {(run.name, each.input_type) for run in runs for some in run.task_inputs.values() for each in some}
    assert {name.partition("-")[0] for name, _ in inputs} >= {"evaluate", "publish"}
    assert {kind for _, kind in inputs} <= {"parameter", "constant", "task_run"}
