from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import StateType
from prefect.states import Completed, Failed, Running

from flows.cli.run_progress import RunReader, Speed, StageProgress
from flows.plan.plan import load_plan
from storage.dataset.records import NEAR
from storage.runs.metrics_log import MetricsLog
from storage.store import layout
from storage.store.errors import MissingArtifact

BEGAN = datetime.now(UTC) - timedelta(minutes=2)


def task(name, state="COMPLETED", state_name="Completed", seconds=30):
    end = BEGAN + timedelta(seconds=seconds) if state == "COMPLETED" else None
    return SimpleNamespace(
        id=uuid4(), name=name, state_type=StateType(state), state_name=state_name, start_time=BEGAN, end_time=end
    )


class Client:
    """A server that knows one run with one sub-flow."""

    def __init__(self, *tasks, bars=(), state=None):
        self.tasks, self.bars, self.state = list(tasks), dict(bars), state or Running()
        self.run, self.sub_flow = uuid4(), uuid4()

    def read_flow_run(self, run):
        return SimpleNamespace(state=self.state, state_name=self.state.name, start_time=BEGAN, end_time=None)

    def read_flow_runs(self, flow_run_filter, limit):
        return [SimpleNamespace(id=self.sub_flow)]

    def read_task_runs(self, flow_run_filter, limit, offset):
        assert flow_run_filter.id.any_ == [self.run, self.sub_flow]
        return self.tasks[offset : offset + limit]

    def read_artifacts(self, artifact_filter, limit, offset):
        bars = [
            SimpleNamespace(task_run_id=task.id, data=self.bars[task.name])
            for task in self.tasks
            if task.name in self.bars
        ]
        return bars[offset : offset + limit]


@pytest.fixture
def plan(tmp_path):
    return load_plan("cow", "smoke", str(tmp_path))


@pytest.fixture
def stored(monkeypatch):
    """Shards by stage and number: rows, kept, reasons."""
    known = {}

    def manifest(ref):
        if (ref.stage, ref.index) not in known:
            raise MissingArtifact("shard", "is not committed", "run")
        rows, kept, reasons = known[ref.stage, ref.index]
        return SimpleNamespace(rows=rows, kept=kept, reasons=reasons)

    monkeypatch.setattr("flows.cli.run_progress.shards.manifest", manifest)
    return known


def stages(client, plan):
    return {stage.name: stage for stage in RunReader(client, client.run, plan).read().stages}


def test_pictures_and_crops_are_counted_from_what_is_stored_and_from_the_bars(plan, stored):
    stored |= {("raw", 0): (8, 8, {}), ("curated", 0): (8, 6, {"blurred": 2})}
    tasks = (task("generate-cow-00000"), task("segment-cow-00000"), task("generate-cow-00001", "RUNNING", "Running"))
    shown = stages(Client(*tasks, bars={"generate-cow-00001": 50.0}), plan)
    assert (shown["pictures"].done, shown["pictures"].wanted) == (12, 32)  # 24 are wanted, 3 of 4 are kept
    crops = shown["crops"]
    assert (crops.done, crops.wanted, crops.note) == (6, 24, "2 of 8 dropped: blurred 2")
    assert (shown["pictures"].state, crops.state, shown["training"].state) == ("runs", "runs", "waits")
    assert crops.seconds == 30


def test_a_snapshot_counts_without_near_duplicates(plan, stored, monkeypatch):
    snapshot = SimpleNamespace(kept=24, rows=32, reasons={"blurred": 1, NEAR: 7})
    monkeypatch.setattr("flows.cli.run_progress.snapshots.newest", lambda *_: snapshot)
    shown = stages(Client(task("generate-cow-00000"), task("segment-cow-00000"), task("shard-cow")), plan)
    assert (shown["crops"].state, shown["crops"].done) == ("done", 24)
    assert shown["crops"].note == f"8 of 32 dropped: {NEAR} 7, blurred 1"


def test_the_losses_are_those_of_the_last_report(plan):
    (stage,) = plan.method.stages()
    run = "farm3d-smoke-0123"
    log = MetricsLog(layout.metrics(plan.store.model("cow", run), stage.name))
    log.add(5, {"loss": 3.0, "steps_per_second": 1.0})
    log.add(20, {"loss": 1.25, "mask": 0.5, "unknown": 9.0, "steps_per_second": 0.5})
    client = Client(task("shard-cow"), task(f"train-cow-{run}-{stage.name}", "RUNNING", "Running"))
    progress = RunReader(client, client.run, plan).read()
    training = {each.name: each for each in progress.stages}["training"]
    assert (training.done, training.wanted, training.note) == (20, 30, "loss 1.250  mask 0.500")
    assert training.seconds_left == 20 and progress.training_run == run


def test_a_stage_that_failed_and_a_run_that_is_over_say_so(plan):
    client = Client(task("evaluate-cow-a", "FAILED", "Failed"), state=Failed(message="NothingKept: why"))
    progress = RunReader(client, client.run, plan).read()
    assert progress.is_over and not progress.is_done and progress.message == "NothingKept: why"
    assert {each.name: each.state for each in progress.stages}["numbers"] == "failed"
    client = Client(state=Completed())
    assert RunReader(client, client.run, plan).read().is_done


def test_what_was_there_already_has_no_speed(plan, stored):
    stored |= {("raw", number): (8, 8, {}) for number in range(3)}
    client = Client()
    reader = RunReader(client, client.run, plan)
    reader.read()
    client.tasks = [task(f"generate-cow-0000{number}", state_name="Reused") for number in range(3)]
    pictures = reader.read().stages[0]
    assert pictures.done == 24 and pictures.rate is None


def test_a_speed_is_that_of_the_last_minutes():
    speed = Speed()
    assert speed.per_second(0.0, 0.0) is None
    assert speed.per_second(10.0, 20.0) == 2.0
    assert speed.per_second(20.0, 20.0) == 1.0  # nothing came since
    speed.per_second(1000.0, 21.0)
    assert speed.per_second(1010.0, 31.0) == pytest.approx(11 / 240)


@pytest.mark.parametrize(("state", "rate", "left"), [("runs", 2.0, 5.0), ("done", 2.0, None), ("runs", None, None)])
def test_the_time_left_needs_a_speed(state, rate, left):
    assert StageProgress("pictures", state, 10, 20, rate=rate).seconds_left == left
