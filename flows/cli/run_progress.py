"""How far a run of a farm is: what the Prefect server knows of its tasks, and what lies in the store by now."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import StateType, TaskRun

from flows.control.crashed_runs import PAGE, read_pages
from flows.plan.plan import Plan
from storage.dataset import shards, snapshots
from storage.dataset.records import ShardManifest, Snapshot
from storage.runs.metrics_log import MetricsLog
from storage.store import layout
from storage.store.errors import StorageError
from storage.store.references import ShardRef, digest

WINDOW_SECONDS = 240.0
"""How long ago a speed still counts."""
StageState = Literal["waits", "runs", "done", "failed"]


@dataclass(frozen=True)
class StageProgress:
    """One stage of a run."""

    name: str
    state: StageState
    done: float = 0.0
    wanted: float = 0.0
    """0 where nobody can say how much there is to do."""
    unit: str = ""
    rate: float | None = None
    """Units a second."""
    seconds: float | None = None
    """How long it has run, or ran."""
    note: str = ""
    """What was dropped and why, or the losses."""

    @property
    def seconds_left(self) -> float | None:
        """By its speed of now; None where that is not known."""
        if self.state != "runs" or not self.rate or self.wanted <= self.done:
            return None
        return (self.wanted - self.done) / self.rate


@dataclass(frozen=True)
class RunProgress:
    """A whole run."""

    state: str
    """As Prefect names it: Running, AwaitingConcurrencySlot, ..."""
    is_over: bool
    is_done: bool
    message: str
    seconds: float
    stages: tuple[StageProgress, ...]
    training_run: str | None
    """The folder of its training, once that has begun."""


@dataclass(frozen=True)
class Counts:
    """What became of photos."""

    kept: int
    rows: int
    reasons: Mapping[str, int]


@dataclass
class Speed:
    """How fast a count grows, over minutes: pictures come sixteen at a time, and the time left should not jump."""

    _seen: deque[tuple[float, float]] = field(default_factory=deque)

    def per_second(self, now: float, count: float) -> float | None:
        """The count is `count` now; None before it has grown."""
        if not self._seen or count != self._seen[-1][1]:
            self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW_SECONDS:
            self._seen.popleft()
        (began, first), (_, last) = self._seen[0], self._seen[-1]
        seconds = now - began if len(self._seen) == 2 else min(now - began, WINDOW_SECONDS)
        return (last - first) / seconds if last > first and seconds > 0 else None


@dataclass
class RunReader:
    """Reads how far one flow run is."""

    client: SyncPrefectClient
    flow_run: UUID
    plan: Plan
    _drawing: Speed = field(default_factory=Speed)
    _manifests: dict[ShardRef, ShardManifest] = field(default_factory=dict)
    _snapshot: Snapshot | None = None

    def read(self) -> RunProgress:
        """How far it is now."""
        flow_run = self.client.read_flow_run(self.flow_run)
        runs = [self.flow_run, *self._sub_flows()]
        tasks = self._tasks(runs)
        state, began = flow_run.state, flow_run.start_time
        run = self._training_run(tasks)
        return RunProgress(
            state=flow_run.state_name or "Pending",
            is_over=state is not None and state.is_final(),
            is_done=state is not None and state.is_completed(),
            message=(state and state.message) or "",
            seconds=((flow_run.end_time or datetime.now(UTC)) - began).total_seconds() if began else 0.0,
            stages=(
                *self._data_stages(tasks, runs),
                *self._trainings(tasks, run),
                _plain_stage("numbers", _of(tasks, "evaluate")),
                _plain_stage("release", _of(tasks, "publish")),
            ),
            training_run=run,
        )

    def _sub_flows(self) -> list[UUID]:
        parent = FlowRunFilterParentFlowRunId(any_=[self.flow_run])
        runs = self.client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent), limit=PAGE)
        return [run.id for run in runs]

    def _tasks(self, runs: Sequence[UUID]) -> list[TaskRun]:
        condition = FlowRunFilter(id=FlowRunFilterId(any_=list(runs)))
        return list(
            read_pages(lambda offset: self.client.read_task_runs(flow_run_filter=condition, limit=PAGE, offset=offset))
        )

    def _data_stages(self, tasks: Sequence[TaskRun], runs: Sequence[UUID]) -> tuple[StageProgress, StageProgress]:
        drawings, cuts, commits = (_of(tasks, verb) for verb in ("generate", "segment", "shard"))
        counts = self._counts(cuts, _state(commits) == "done")
        drawn, made = self._drawn(drawings, runs)
        share = counts.kept / counts.rows if counts.kept else 1.0
        wanted = drawn if commits else max(self.plan.images / share, drawn)
        rate = self._drawing.per_second(time.monotonic(), made)
        states = (_data_state(drawings, tasks, commits), _data_state(cuts, tasks, commits))
        return (
            StageProgress("pictures", states[0], drawn, round(wanted), "drawn", rate, _seconds(drawings)),
            StageProgress(
                "crops", states[1], counts.kept, self.plan.images, "kept", seconds=_seconds(cuts), note=_drops(counts)
            ),
        )

    def _counts(self, cuts: Sequence[TaskRun], is_committed: bool) -> "Counts":
        """Crops of the shards that are there; once they are a snapshot, of all of it and without near-duplicates."""
        category = self.plan.category.name
        if is_committed and self._snapshot is None:
            self._snapshot = snapshots.newest(self.plan.store.root, category, self._recipe)
        if self._snapshot:
            return Counts(self._snapshot.kept, self._snapshot.rows, self._snapshot.reasons)
        refs = (self.plan.store.curated(category, self._recipe, number) for number in _shards(cuts))
        crops = [manifest for ref in refs if (manifest := self._manifest(ref))]
        reasons = sum((Counter(each.reasons) for each in crops), Counter[str]())
        return Counts(sum(each.kept for each in crops), sum(each.rows for each in crops), reasons)

    @cached_property
    def _recipe(self) -> str:
        return digest(self.plan.crop_recipe)

    def _drawn(self, drawings: Sequence[TaskRun], runs: Sequence[UUID]) -> tuple[float, float]:
        """Photos that are there, and how many of them this run has made."""
        is_drawing = any(task.state_type != StateType.COMPLETED for task in drawings)
        there, made, bars = 0.0, 0.0, self._bars(runs) if is_drawing else {}
        for task in drawings:
            count = self.plan.photos * bars.get(task.id, 0.0) / 100
            if task.state_type == StateType.COMPLETED:
                index = int((task.name or "").rpartition("-")[2])
                manifest = self._manifest(self.plan.raw(index))
                count = manifest.rows if manifest else self.plan.photos
            there += count
            made += 0 if task.state_name == "Reused" else count
        return there, made

    def _bars(self, runs: Sequence[UUID]) -> dict[UUID, float]:
        """Per cent of each task that tells them."""
        condition = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=list(runs)), type=ArtifactFilterType(any_=["progress"])
        )
        artifacts = read_pages(
            lambda offset: self.client.read_artifacts(artifact_filter=condition, limit=PAGE, offset=offset)
        )
        return {
            each.task_run_id: float(each.data)
            for each in artifacts
            if each.task_run_id and isinstance(each.data, int | float | str)
        }

    def _manifest(self, ref: ShardRef) -> ShardManifest | None:
        """What commits a shard, if it is there; asked for once."""
        if ref not in self._manifests:
            try:
                self._manifests[ref] = shards.manifest(ref)
            except StorageError:
                return None
        return self._manifests[ref]

    def _training_run(self, tasks: Sequence[TaskRun]) -> str | None:
        """As the tasks that measure and publish it are named, or that train it."""
        category, stages = self.plan.category.name, [stage.name for stage in self.plan.method.stages()]
        for verb, stage in [("assemble", ""), ("publish", ""), *(("train", f"-{stage}") for stage in stages)]:
            for task in _of(tasks, verb):
                name = task.name or ""
                if name.startswith(begin := f"{verb}-{category}-") and name.endswith(stage):
                    return name[len(begin) :].removesuffix(stage)
        return None

    def _trainings(self, tasks: Sequence[TaskRun], run: str | None) -> list[StageProgress]:
        stages, progress = self.plan.method.stages(), list[StageProgress]()
        for stage in stages:
            name = "training" if len(stages) == 1 else stage.name
            mine = [task for task in _of(tasks, "train") if (task.name or "").endswith(f"-{stage.name}")]
            state = _state(mine)
            last: dict[str, float] = {}
            if run and mine:
                model = self.plan.store.model(self.plan.category.name, run)
                last = next(reversed(MetricsLog(layout.metrics(model, stage.name)).lines), last)
            done = stage.steps if state == "done" else last.get("step", 0)
            losses = "  ".join(f"{loss} {last[loss]:.3f}" for loss in ("loss", *stage.shown) if loss in last)
            rate = last.get("steps_per_second")
            progress.append(StageProgress(name, state, done, stage.steps, "steps", rate, _seconds(mine), losses))
        return progress


def _drops(counts: Counts) -> str:
    reasons = sorted(counts.reasons.items(), key=lambda item: -item[1])
    if not reasons:
        return ""
    return f"{counts.rows - counts.kept} of {counts.rows} dropped: " + ", ".join(f"{name} {n}" for name, n in reasons)


def _of(tasks: Sequence[TaskRun], verb: str) -> list[TaskRun]:
    return [task for task in tasks if (task.name or "").startswith(f"{verb}-")]


def _shards(tasks: Sequence[TaskRun]) -> list[int]:
    """Numbers of the shards of finished tasks."""
    names = {task.name or "" for task in tasks if task.state_type == StateType.COMPLETED}
    return sorted(int(name.rpartition("-")[2]) for name in names)


def _state(tasks: Sequence[TaskRun]) -> StageState:
    """Of all tasks of a stage together."""
    types = {task.state_type for task in tasks}
    if not types:
        return "waits"
    if types & {StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}:
        return "failed"
    return "done" if types == {StateType.COMPLETED} else "runs"


def _data_state(mine: Sequence[TaskRun], tasks: Sequence[TaskRun], commits: Sequence[TaskRun]) -> StageState:
    """Shards follow each other until their snapshot is committed."""
    state = _state(mine)
    return "runs" if state == "done" and not commits and not _of(tasks, "train") else state


def _seconds(tasks: Sequence[TaskRun]) -> float | None:
    """From the first start to the last end, or until now."""
    starts = [task.start_time for task in tasks if task.start_time]
    ends = [task.end_time for task in tasks]
    if not starts:
        return None
    end = max((each for each in ends if each), default=None) if all(ends) else None
    return ((end or datetime.now(UTC)) - min(starts)).total_seconds()


def _plain_stage(name: str, tasks: Sequence[TaskRun]) -> StageProgress:
    return StageProgress(name, _state(tasks), seconds=_seconds(tasks))
