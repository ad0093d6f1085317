from time import monotonic

import pytest

from flows import dataset as module
from flows.dataset import _rounds, dataset, max_shards, pin_dataset
from flows.plan.plan import PlanChanges, load_plan
from storage.dataset import shards, snapshots
from storage.dataset.data_faults import find_data_faults
from storage.dataset.pruning import prune
from storage.store.references import digest
from tests.storage.material import samples


def rounds(monkeypatch, images, share, photos=10, least=0.25, first=0):
    """Shard numbers asked for in turn, from the first one on, where this share of photos is kept."""
    plan = load_plan("cow", "smoke", changes=PlanChanges(images=images, photos=photos, least_kept=least))
    crops, asked = [], []
    monkeypatch.setattr(module, "count_kept", lambda made, *_: int(len(made) * photos * share))
    for indices in _rounds(plan, crops, first):
        asked.append(list(indices))
        crops.extend(indices)
    return asked


def test_as_many_shards_as_photos_are_wanted_if_all_are_kept(monkeypatch):
    assert rounds(monkeypatch, images=30, share=1.0) == [[0, 1, 2]]


def test_what_was_dropped_is_made_up_for_at_the_rate_seen_so_far(monkeypatch):
    assert rounds(monkeypatch, images=40, share=0.5) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_longer_data_set_goes_on_behind_the_last_shard(monkeypatch):
    plain = rounds(monkeypatch, images=40, share=0.5)
    later = rounds(monkeypatch, images=40, share=0.5, first=7)
    assert later == [[index + 7 for index in some] for some in plain]


def test_no_shard_is_asked_for_twice(monkeypatch):
    asked = [index for some in rounds(monkeypatch, images=100, share=0.6) for index in some]
    assert asked == list(range(len(asked)))


def test_it_gives_up_where_fewer_than_the_least_share_is_kept(monkeypatch):
    assert sum(map(len, rounds(monkeypatch, images=20, share=0.0, least=0.25))) == 8
    assert sum(map(len, rounds(monkeypatch, images=20, share=0.2, least=0.25))) == 8


@pytest.mark.parametrize("share", [0.25, 0.3, 0.9])
def test_at_the_least_share_or_more_it_ends_with_enough(monkeypatch, share):
    shards = sum(map(len, rounds(monkeypatch, images=20, share=share)))
    assert int(shards * 10 * share) >= 20


def test_it_has_a_name_that_says_whose(monkeypatch):
    assert dataset.name == "dataset" and dataset.flow_run_name == "dataset-{plan.category.name}"


def test_somebodys_own_photos_are_all_taken_and_from_the_first_on(tmp_path):
    (tmp_path / "herd").mkdir()
    for name in ("a", "b", "c", "d", "herd/a"):
        (tmp_path / f"{name}.png").touch()
    (tmp_path / "a.mask.png").touch()
    own = {"kind": "folder", "folder": str(tmp_path)}
    plan, crops = load_plan("cow", "smoke", changes=PlanChanges(photos=2, own_photos=own)), []
    for indices in _rounds(plan, crops, 7):
        crops.extend(indices[:2])
    assert crops == [0, 1, 2] and max_shards(plan) == 3


def test_when_the_time_is_up_what_was_begun_is_finished_and_no_more_is_begun(direct, store):
    plan = load_plan("cow", "smoke", store.root, PlanChanges(images=100, photos=4))
    assert [each.index for each in module.make_shards(plan, 3, until=monotonic())] == [3, 4]
    assert direct.photos == 8


def test_a_shard_is_cut_out_once_the_workers_have_later_ones_to_draw(direct, store, monkeypatch):
    plan, asked = load_plan("cow", "smoke", store.root, PlanChanges(photos=2)), []
    for task in (module.generate, module.segment):
        submit = task.submit

        def noted(*arguments, task=task, submit=submit):
            asked.append(task.name)
            return submit(*arguments)

        monkeypatch.setattr(task, "submit", noted)
    assert [each.index for each in module.process_shards(plan, range(5, 9))] == [5, 6, 7, 8]
    ahead = [asked[: at + 1].count("generate") - asked[: at + 1].count("segment") for at in range(len(asked))]
    assert asked.count("generate") == asked.count("segment") == 4
    assert max(ahead) == plan.runner.workers + 1 and ahead[-1] == 0


def test_between_its_commit_and_the_first_word_of_its_run_a_snapshot_is_not_pruned(direct, store, monkeypatch):
    monkeypatch.setattr(module, "dataset_flow", lambda plan: dataset.fn)
    recipe = {"photos": {}}
    newer = store.curated("cow", digest(recipe), 0)
    shards.write(newer, samples(3), recipe)
    with pin_dataset(load_plan("cow", "smoke", store.root, PlanChanges(images=2, photos=4))) as crops:
        assert crops.snapshot == 1 and snapshots.commit([newer]).snapshot == 2
        (reason,) = prune(store.root, "cow", keep=1).needed[1]
        assert reason.endswith("is going to learn from it")
        assert list(find_data_faults(store.root, "cow")) == [] and snapshots.read(crops).kept > 0
    assert prune(store.root, "cow", keep=1).needed == {}
    assert snapshots.numbers(store.root, "cow") == [2]


def test_nothing_that_the_sub_flow_answers_is_given_to_a_task(monkeypatch, store):
    """Prefect knows values again by their identity, a text within a reference too."""
    plan = load_plan("cow", "smoke", store.root)
    answer = module._detached(plan.store.dataset(plan.category.name, 1000))
    assert answer == plan.store.dataset("cow", 1000) and answer.category is not plan.category.name
    monkeypatch.setattr(module, "dataset_flow", lambda plan: lambda *_: answer)
    given = module.get_dataset(plan)
    assert given == answer
    for name in ("root", "category", "snapshot"):
        assert getattr(given, name) is not getattr(answer, name), name
