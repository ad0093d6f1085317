"""A close look at one run: with and without distillation, beside the trivial answers."""

from prefect import flow

from flows.dataset import pinned
from flows.plan.plan import PlanChanges, load_plan
from flows.plan.presets import Scale
from models.methods import Farm3DConfig
from storage.store.references import ModelRef
from tasks.evaluate import evaluate
from tasks.train import train


@flow(name="evaluation", flow_run_name="evaluation-{category}-{scale}")
def evaluation(
    category: str = "cow",
    scale: Scale = "laptop",
    root: str = "data",
    changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
) -> ModelRef:
    """Train the same animal twice with the same seed, with and without SDS, and measure both.

    Args:
        category: a name in `flows/categories`
        scale: whose plan is measured; what is there already is reused
        root: folder or address of all data
        changes: what this run does otherwise than its scale
    """
    plan = load_plan(category, scale, root, changes)
    plans = [plan, plan.without_sds] if isinstance(plan.method, Farm3DConfig) else [plan]
    with pinned(plan) as crops:
        models = [train(each.model(crops), crops, each.model_recipe, each.device) for each in plans]
    return evaluate(models, crops, plan.category.truth, plan.held_out, plan.evaluation, plan.device)
