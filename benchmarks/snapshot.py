"""What the benchmarks of training learn from."""

from typing import Any

from models.core.category import VIEWS
from storage.dataset import samples, snapshots
from storage.store.layout import Store


def newest_crops(root: str, category: str) -> list[Any]:
    """The training crops of the category's newest snapshot."""
    store = Store(root)
    number = snapshots.numbers(store.root, category)[-1]
    return list(samples.of_dataset(store.dataset(category, number), "train", VIEWS))
