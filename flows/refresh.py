"""More pictures for a data set: what a schedule runs."""

from prefect import flow

from flows.dataset import collected
from flows.plan import PlanChanges, load_plan
from flows.scales import Scale
from storage.records import DatasetRef
from tasks.shard import in_newest


@flow(name="refresh", flow_run_name="refresh-{category}-{scale}")
def refresh(
    category: str = "cow",
    scale: Scale = "laptop",
    root: str = "data",
    more: int = 100,
    changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
) -> DatasetRef:
    """Add pictures to the newest data set of a category and commit a new snapshot; runs pinned to old ones keep them.

    Args:
        category: a name in `flows/categories`
        scale: whose recipe of photos and crops is continued
        root: folder or address of all data
        more: kept pictures to add
        changes: what this run does otherwise than its scale
    """
    plan = load_plan(category, scale, root, changes)
    have = in_newest(plan.store.root, plan.category.name, plan.crop_recipe)
    return collected(plan.model_copy(update={"images": have + more}))
