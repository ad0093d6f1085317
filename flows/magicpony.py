"""The whole story without score distillation: MagicPony on generated pictures, the paper's comparison."""

from prefect import flow

from flows.farm3d import story
from flows.plan.plan import PlanChanges, load_plan
from flows.plan.presets import Scale
from storage.store.references import ReleaseRef


@flow(name="magicpony", flow_run_name="magicpony-{category}-{scale}")
def magicpony(
    category: str = "cow",
    scale: Scale = "laptop",
    root: str = "data",
    changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
) -> ReleaseRef:
    """Learn one animal as the flow `farm3d` does, from the same pictures, without the teacher's judgement.

    Args:
        category: a name in `flows/categories`, as cow, horse or sheep
        scale: smoke (minutes, for tests), laptop (twenty minutes, no GPU), gpu or paper (photoreal parts)
        root: folder or address of all data, as data or s3://bucket/farm3d
        changes: what this run does otherwise than its scale, as {"training": {"steps": 5000}}
    """
    return story(load_plan(category, scale, root, changes).without_sds)
