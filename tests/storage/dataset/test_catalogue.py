from storage.dataset import catalogue, shards, snapshots
from storage.dataset.encoding import Sample
from storage.dataset.records import NEAR, Duplicates
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, row, sample


def test_the_difference_of_two_snapshots_is_the_shard_that_came(two):
    changed = catalogue.difference(*two)
    assert [row.seed for row in changed.added] == [20, 21, 22, 23]
    assert (changed.removed, changed.changed, changed.recipe) == ((), (), ())
    back = catalogue.difference(two[1], two[0])
    assert back.removed == changed.added and back.added == ()


def test_another_recipe_is_told_entry_by_entry_and_another_verdict_sample_by_sample(two):
    recipe = {**RECIPE, "size": 32}
    ref = Store(two[0].root).curated("cow", digest(recipe), 0)
    shards.write(ref, [sample(0), Sample(row(1, kept=False, reason="border"))], recipe)
    changed = catalogue.difference(two[0], snapshots.commit([ref]))
    assert changed.recipe == ("size: 16 -> 32",)
    assert [(each.seed, each.reason) for each in changed.changed] == [(1, "border")]
    assert len(changed.removed) == 6


def test_shards_that_both_pin_are_read_only_where_a_verdict_on_them_changed(two, monkeypatch):
    refs = [snapshots.shard(two[0], entry) for entry in snapshots.read(two[0]).shards]
    left_out = snapshots.commit(refs, lambda _: Duplicates(resembles={row(1).key: row(0).key}))
    (changed,) = catalogue.difference(two[1], left_out).changed
    assert (changed.seed, changed.kept, changed.reason) == (1, False, NEAR)
    read, rows = [], shards.rows
    monkeypatch.setattr(shards, "rows", lambda ref, entry: read.append(ref.index) or rows(ref, entry))
    assert len(catalogue.difference(*two).added) == 4 and read == [2]
