"""Derived columns for the methods that need them: what a release answers for the crops, made when it is first asked."""

from flows.plan.plan import Plan
from storage.dataset import snapshots
from storage.runs.releases import select_release
from storage.store.references import DatasetRef, DerivedRef, digest
from tasks.distil import derived_recipe, distil


def derive(plan: Plan, crops: DatasetRef) -> DerivedRef | None:
    """The columns that the method needs beside its crops, distilled from the release that answers for the category.

    None where it needs none.
    """
    release = select_release(plan.store, plan.category.name) if plan.method.needs.columns else None
    if release is None:
        return None
    recipe = derived_recipe(crops, release, plan.method.needs.columns)
    model = plan.store.model(release.ref.category, release.ref.run)
    shards = [snapshots.shard(crops, pinned) for pinned in snapshots.read(crops).shards]
    for future in [distil.submit(shard, recipe, model, plan.device) for shard in shards]:
        future.result()
    return DerivedRef(crops=crops, digest=digest(recipe))
