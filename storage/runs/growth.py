"""How much a data set has grown: since an earlier snapshot, and since a model learnt from it."""

from pydantic import Field

from storage.dataset import snapshots
from storage.dataset.records import Snapshot
from storage.runs.lineage import snapshots_learnt_from
from storage.store.layout import Store
from storage.store.references import DatasetRef, Record


class Growth(Record):
    """What a snapshot has that older ones of its recipe have not."""

    snapshot: int
    kept: int = Field(description="crops to learn from")
    added: int = Field(description="crops that the snapshot before it had not")
    learnt_from: int | None = Field(description="the newest snapshot that a finished model was made from, if any")
    share: float | None = Field(description="crops since then, as a share of those that were there then")

    def is_due(self, share: float) -> bool:
        """Whether it has grown by this share since a model learnt from it; true where none ever did."""
        return self.kept > 0 and (self.share is None or self.share >= share)


def growth(ref: DatasetRef, before: Snapshot | None) -> Growth:
    """How much the snapshot `ref` has grown since `before`, and since the newest one that a model learnt from."""
    now, store = snapshots.read(ref), Store(ref.root)
    known = snapshots_learnt_from(store, ref.category) & set(snapshots.numbers(ref.root, ref.category))
    older = (snapshots.read(store.dataset(ref.category, number)) for number in sorted(known, reverse=True))
    learnt = next((snapshot for snapshot in older if snapshot.digest == now.digest), None)
    return Growth(
        snapshot=now.id,
        kept=now.kept,
        added=now.kept - (before.kept if before else 0),
        learnt_from=learnt.id if learnt else None,
        share=now.kept / learnt.kept - 1 if learnt and learnt.kept else None,
    )
