import pytest

from storage.dataset import shards, snapshots
from storage.runs.growth import Growth, growth
from storage.runs.training_runs import ModelAbout
from storage.store import bundles, layout
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, samples

OTHER = {"generator": "drawn", "size": 32}


def snapshot(root, index, recipe=RECIPE, count=5):
    """Shard number `index` of `count` samples, of which one is dropped, added to the data set."""
    ref = Store(root).curated("cow", digest(recipe), index)
    shards.write(ref, samples(count, first=10 * index), recipe)
    return snapshots.commit([ref])


def learn(ref, run="laptop-1"):
    model = Store(ref.root).model("cow", run)
    bundles.commit(layout.model(model), {"recipe.json": b"{}"}, ModelAbout(snapshot=ref.snapshot))


def test_growth_is_counted_from_what_the_newest_model_learnt_from(root):
    first = snapshot(root, 0)
    before = snapshots.read(snapshot(root, 1))
    learn(first)
    assert growth(snapshot(root, 2), before) == Growth(snapshot=3, kept=12, added=4, learnt_from=1, share=2.0)
    learn(Store(root).dataset("cow", 2), "laptop-2")
    assert growth(snapshot(root, 3), before) == Growth(snapshot=4, kept=16, added=8, learnt_from=2, share=1.0)


def test_a_model_of_another_recipe_says_nothing(root):
    first = snapshot(root, 0)
    learn(snapshot(root, 0, OTHER))
    assert growth(first, None).learnt_from is None


def test_an_unfinished_training_has_not_learnt(root):
    first = snapshot(root, 0)
    assert growth(first, None) == Growth(snapshot=1, kept=4, added=4, learnt_from=None, share=None)


@pytest.mark.parametrize(
    ("kept", "share", "due"), [(6, 0.2, True), (6, 0.19, False), (6, None, True), (0, None, False)]
)
def test_it_is_due_at_the_share_or_where_nothing_was_learnt(kept, share, due):
    assert Growth(snapshot=2, kept=kept, added=1, learnt_from=1, share=share).is_due(0.2) == due
