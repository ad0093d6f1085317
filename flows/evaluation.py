"""A close look at a category: several methods with the same plan and the same pictures, measured beside each other."""

from prefect import flow

from flows.dataset import pin_dataset
from flows.farm3d import training
from flows.plan.availability import check_parts
from flows.plan.plan import PlanChanges, load_plan
from storage.store.references import ModelRef, Scale
from tasks.evaluate import evaluate


@flow(name="evaluation", flow_run_name="evaluation-{category}-{scale}")
def evaluation(
    category: str = "cow",
    scale: Scale = "laptop",
    root: str = "data",
    methods: tuple[str, ...] = ("farm3d", "magicpony"),
    changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
) -> ModelRef:
    """Train the same animal by several methods with the same seed, as with and without SDS, and measure them all.

    Args:
        category: the animal: a name in `flows/categories`, as cow, horse or sheep
        scale: whose plan is measured; what is there already is reused
        root: folder or address of all data, as data or s3://bucket/farm3d
        methods: two or more, as farm3d and magicpony; the first one's table has the others beside it
        changes: what these runs do otherwise than their scale; what is left alone stays. Its menu takes JSON too:
            {"scenes": 20, "method": {"training": {"steps": 1000}}}
    """
    plans = [load_plan(category, scale, root, changes, method) for method in methods]
    for plan in plans:
        check_parts(plan)
    with pin_dataset(plans[0]) as crops:
        models = [training(plan, crops) for plan in plans]
    plan = plans[0]
    # Each method reads the crops at its own size; none gets more than was cut.
    largest = plan.held_out.model_copy(update={"size": max(each.method.resolution for each in plans)})
    return evaluate(models, crops, plan.category.truth, largest, plan.evaluation, plan.device)
