"""What the benchmarks of training learn from."""

from models.data.framing import Crop
from storage.dataset import samples, snapshots
from storage.store.layout import Store
from tasks.inference.loading import framed


def newest_crops(root: str, category: str) -> list[Crop]:
    """The training crops of the category's newest snapshot."""
    store = Store(root)
    number = snapshots.numbers(store.root, category)[-1]
    return [framed(sample) for sample in samples.of_dataset(store.dataset(category, number), "train")]
