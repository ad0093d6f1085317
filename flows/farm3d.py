"""The whole story: from one word to a rigged 3D animal."""

from prefect import flow

from flows.dataset import pinned
from flows.plan.plan import Plan, PlanChanges, load_plan
from flows.plan.presets import Scale
from storage.store.references import ReleaseRef
from tasks.evaluate import evaluate
from tasks.publish import publish
from tasks.train import train


@flow(name="farm3d", flow_run_name="farm3d-{category}-{scale}")
def farm3d(
    category: str = "cow",
    scale: Scale = "laptop",
    root: str = "data",
    changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
) -> ReleaseRef:
    """Learn one animal from generated pictures, measure it, and publish it.

    Args:
        category: a name in `flows/categories`, as cow, horse or sheep
        scale: smoke (minutes, for tests), laptop (twenty minutes, no GPU), gpu or paper (photoreal parts)
        root: folder or address of all data, as data or s3://bucket/farm3d
        changes: what this run does otherwise than its scale, as {"training": {"steps": 5000}}
    """
    return story(load_plan(category, scale, root, changes))


def story(plan: Plan) -> ReleaseRef:
    """Data set, training, measurement, release."""
    with pinned(plan) as crops:
        model = train(plan.model(crops), crops, plan.model_recipe, plan.device)
    measured = evaluate([model], crops, plan.category.truth, plan.held_out, plan.evaluation, plan.device)
    return publish(measured, crops, plan.release, plan.scale, plan.device)
