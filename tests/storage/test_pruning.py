import pytest

from storage import bundles, catalogue, files, layout, shards, snapshots
from storage.layout import Store
from storage.pruning import waste
from storage.records import digest
from tests.storage.material import RECIPE, samples


def recipe(number):
    return RECIPE | {"size": number, "photos": {"number": number // 10}}


def added(store, number, index):
    """A snapshot with another shard of a recipe, photos and crops."""
    for stage, config in (("raw", recipe(number)["photos"]), ("curated", recipe(number))):
        ref = getattr(store, stage)("cow", digest(config), index)
        if shards.committed(ref) is None:
            shards.write(ref, samples(2, first=100 * number + 10 * index), config)
    return snapshots.commit([ref])


@pytest.fixture
def store(tmp_path):
    """Snapshots 1 and 2 of one recipe, 3 and 4 of two others; the last two have the same photos."""
    store = Store(str(tmp_path / "data"))
    for number, index in ((10, 0), (10, 1), (20, 0), (21, 0)):
        added(store, number, index)
    return store


def pruned(store, keep):
    found = list(waste(store.root, "cow", keep))
    for each in found:
        files.remove(each.where)
    return found


def test_what_stays_is_whole(store):
    pruned(store, 2)
    assert snapshots.numbers(store.root, "cow") == [3, 4]
    assert list(catalogue.faults(store.root, "cow")) == []
    assert shards.committed(store.curated("cow", digest(recipe(10)), 0)) is None


def test_photos_stay_while_any_crops_of_them_stay(store):
    pruned(store, 1)
    assert shards.committed(store.raw("cow", digest(recipe(21)["photos"]), 0)) is not None
    assert shards.committed(store.curated("cow", digest(recipe(20)), 0)) is None
    assert list(catalogue.faults(store.root, "cow")) == []


def test_what_a_model_learnt_from_stays(store):
    bundles.commit(layout.model(store.model("cow", "old")), {"animal.safetensors": b"w"}, {"snapshot": 1})
    files.put(layout.newest_release(store.root, "cow"), b"old")
    pruned(store, 1)
    assert snapshots.numbers(store.root, "cow") == [1, 4]
    assert shards.committed(store.curated("cow", digest(recipe(10)), 0)) is not None
    assert shards.committed(store.curated("cow", digest(recipe(10)), 1)) is None
    assert list(catalogue.faults(store.root, "cow")) == []


def test_shards_that_no_snapshot_listed_yet_stay(store):
    fresh = store.curated("cow", digest(recipe(30)), 0)
    shards.write(fresh, samples(2, first=900), recipe(30))
    pruned(store, 1)
    assert shards.committed(fresh) is not None


def test_dying_at_any_file_harms_nothing_that_stays(store):
    for each in list(waste(store.root, "cow", 1)):
        files.remove(each.where)
        faults = [fault for fault in catalogue.faults(store.root, "cow") if "never committed" not in fault.what]
        assert faults == []


def test_the_numbers_go_on_after_pruning(store):
    pruned(store, 1)
    assert added(store, 40, 0).snapshot == 5


def test_the_newest_snapshot_cannot_go(store):
    with pytest.raises(ValueError, match="keep is 0; keep at least the newest"):
        list(waste(store.root, "cow", 0))
