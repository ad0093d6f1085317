from pathlib import Path

import pytest

from flows import refresh as module
from flows.plan.plan import PlanChanges, load_plan
from flows.refresh import refresh
from storage.dataset import shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.pruning import prune
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, layout
from storage.store.references import digest
from tests.storage.deaths import ended, forked, killed_at
from tests.storage.material import flip, samples

# Of every four drawn photos three are kept.
SMALL = PlanChanges(photos=4)


@pytest.fixture
def told(monkeypatch):
    """What is announced."""
    announced = []

    def announce(category, found, share, parameters):
        announced.append((category, found, share, parameters))
        return found.is_due(share)

    monkeypatch.setattr(module, "announce_growth", announce)
    return announced


def run(store, more, **parameters):
    return refresh.fn("cow", "smoke", store.root, more, **{"changes": SMALL, **parameters})


def seeds(store):
    """Of all photos that are committed."""
    plan = load_plan("cow", "smoke", store.root, SMALL)
    found, index = [], 0
    while (photos := shards.find_committed(plan.raw(index))) is not None:
        found += [row.seed for row in shards.rows(plan.raw(index), photos)]
        index += 1
    return found


def logged(monkeypatch, direct, log):
    """Every photo that any process draws, as a line with its seed."""
    log.touch()
    draw = direct.generate

    def noted(prompts, numbers):
        with open(log, "a") as file:
            file.write("".join(f"{seed}\n" for seed in numbers))
        return draw(prompts, numbers)

    monkeypatch.setattr(direct, "generate", noted)
    return lambda: [int(line) for line in log.read_text().splitlines()]


def test_it_adds_as_many_as_wanted_and_makes_nothing_twice(direct, told, store):
    first = run(store, 3)
    bundles.commit(layout.model(store.model("cow", "old")), {}, ModelAbout(snapshot=first.data.snapshot))
    second, third = run(store, 4), run(store, 1, due=5)
    due = "farm3d/cow is due"
    assert first.message == f"snapshot 1: 3 crops, 3 of them new; no model has learnt from it: {due}"
    grown = "grown by 200% since a model learnt from snapshot 1"
    assert second.message == f"snapshot 2: 9 crops, 6 of them new; {grown}: {due}"
    assert third.message == "snapshot 3: 12 crops, 3 of them new"
    assert direct.photos == 16 == snapshots.read(third.data).rows


def test_the_run_that_is_due_has_the_same_recipe(direct, told, store):
    data = run(store, 3).data
    ((category, _, share, parameters),) = told
    again = load_plan(category, parameters["scale"], parameters["root"], PlanChanges(**parameters["changes"]))
    assert digest(again.crop_recipe) == snapshots.read(data).digest and share == 0.2


def test_when_the_time_is_up_what_there_is_is_committed_and_the_run_says_so(direct, told, store):
    state = run(store, 100, minutes=1e-6)
    assert state.is_completed() and snapshots.read(state.data).kept == 6
    assert "6 crops, 6 of them new; stopped with 6 of 100 after 1e-06 minutes" in state.message


def test_when_enough_photos_were_drawn_what_there_is_is_committed_and_the_run_says_so(direct, told, store):
    state = run(store, 8, changes=PlanChanges(photos=4, least_kept=1))
    assert state.is_completed() and snapshots.read(state.data).kept == 6
    assert "stopped with 6 of 8 after 8 photos, the most with least_kept 1" in state.message


def test_nothing_kept_is_no_failure_and_the_next_refresh_goes_on_behind_it(direct, told, store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(direct, "photos", 3)
        patch.setattr(direct, "draw", lambda seed, blank: type(direct).draw(direct, seed, True))
        state = run(store, 2)
    assert state.is_completed() and "0 crops, 0 of them new; stopped with 0 of 2 after 8 photos" in state.message
    assert [each.index for each in snapshots.read(run(store, 2).data).shards] == [0, 1, 2]


def test_what_it_adds_to_is_not_pruned_meanwhile(direct, told, store, monkeypatch):
    before = snapshots.read(run(store, 3).data)
    recipe = {"photos": {}}
    newer = store.curated("cow", digest(recipe), 0)
    shards.write(newer, samples(3), recipe)
    snapshots.commit([newer])
    draw, reasons = direct.generate, []

    def pruning(prompts, seeds):
        reasons.extend(prune(store.root, "cow", keep=1).needed[before.id])
        return draw(prompts, seeds)

    monkeypatch.setattr(direct, "generate", pruning)
    after = snapshots.read(run(store, 1).data)
    assert after.shards[: len(before.shards)] == before.shards and len(after.shards) > len(before.shards)
    assert reasons and all(each.endswith("is making a data set") for each in reasons)


@pytest.mark.parametrize("stage", ["raw", "curated"])
def test_a_shard_that_was_put_in_quarantine_is_made_again(direct, told, store, stage):
    first = run(store, 6)
    before = snapshots.read(first.data)
    refs = [snapshots.shard(first.data, before.shards[0]), load_plan("cow", "smoke", store.root, SMALL).raw(0)]
    for ref in refs if stage == "raw" else refs[:1]:
        flip(layout.tar(ref), 3000)
    moved = [fault.mend() for fault in find_data_faults(store.root, "cow") if fault.mend]
    assert any(moved) and snapshots.gaps(first.data) == [0]
    second = run(store, 1)
    assert list(find_data_faults(store.root, "cow")) == []
    assert snapshots.read(second.data).shards[:2] == before.shards


def test_two_at_once_harm_nothing_and_draw_nothing_twice(direct, told, store, monkeypatch, tmp_path):
    drawn = logged(monkeypatch, direct, tmp_path / "drawn")
    children = [forked(lambda more=more: run(store, more)) for more in (5, 11)]
    assert [ended(child) for child in children] == [0, 0]
    assert sorted(drawn()) == sorted(seeds(store)) and len(set(drawn())) == len(drawn())
    assert list(find_data_faults(store.root, "cow")) == []
    sizes = [snapshots.read(store.dataset("cow", n)).kept for n in snapshots.numbers(store.root, "cow")]
    assert sizes == sorted(sizes) and sizes[-1] >= 11


def test_killed_at_any_moment_the_next_one_goes_on(direct, told, store, monkeypatch, tmp_path):
    drawn, step = logged(monkeypatch, direct, tmp_path / "drawn"), 1
    made, lines = set(), 0
    while killed_at(step, lambda: run(store, 3)):
        now = drawn()
        assert not made & set(now[lines:]), "a committed photo was drawn again"
        made, lines, step = set(seeds(store)), len(now), step + 3
        for number in snapshots.numbers(store.root, "cow"):
            snapshots.read(store.dataset("cow", number))
    assert step > 10
    assert list(find_data_faults(store.root, "cow")) == []
    prune(store.root, "cow", keep=1)
    assert not list(Path(store.root).rglob("*.part")) and not list(Path(layout.pins(store.root, "cow")).iterdir())
