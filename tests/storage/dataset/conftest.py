"""A small data set that has grown once."""

import pytest

from storage.dataset import shards, snapshots
from storage.store.layout import Store
from storage.store.references import digest
from tests.storage.material import RECIPE, samples


@pytest.fixture
def two(folder):
    """Snapshots 1 and 2 of two and three shards."""
    store = Store(folder)
    refs = [store.curated("cow", digest(RECIPE), index) for index in range(3)]
    for index, ref in enumerate(refs):
        shards.write(ref, samples(4, first=10 * index), RECIPE)
    return snapshots.commit(refs[:2]), snapshots.commit(refs)
