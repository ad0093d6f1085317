"""The whole story, for every method: from one word to a 3D animal.

`flows.farm3d.farm3d` is the flow of the method farm3d, `flows.farm3d.magicpony` that of magicpony, and so on for every
member of the union in `models.methods`.
"""

from typing import Any

from prefect import Flow, flow

from flows.dataset import pin_dataset
from flows.derived_columns import derive
from flows.plan.availability import check_parts
from flows.plan.plan import Plan, PlanChanges, load_plan
from models.methods import methods
from storage.store.references import DatasetRef, ModelRef, ReleaseRef, Scale
from tasks.evaluate import evaluate
from tasks.publish import publish
from tasks.train import assemble, train


def method_flow(method: str) -> Flow[..., ReleaseRef]:
    """The flow of one method, named after it."""

    @flow(name=method, flow_run_name=f"{method}-{{category}}-{{scale}}")
    def story(
        category: str = "cow",
        scale: Scale = "laptop",
        root: str = "data",
        changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
    ) -> ReleaseRef:
        """Learn one animal from generated pictures, measure it, and publish it.

        Args:
            category: the animal: a name in `flows/categories`, as cow, horse or sheep
            scale: smoke (minutes, for tests), laptop (twenty minutes, no GPU), gpu or paper (photoreal parts)
            root: folder or address of all data, as data or s3://bucket/farm3d
            changes: what this run does otherwise than its scale; what is left alone stays. Its menu takes JSON too:
                {"images": 200, "release": {"film": 512, "frames": 72}}
        """
        plan = load_plan(category, scale, root, changes, method)
        check_parts(plan)
        with pin_dataset(plan) as crops:
            model = training(plan, crops)
        evaluate([model], crops, plan.category.truth, plan.held_out, plan.evaluation, plan.device)
        return publish(model, crops, plan.release, plan.scale, plan.device, plan.category.shoulder_height())

    return story


def training(plan: Plan, crops: DatasetRef) -> ModelRef:
    """The finished model of a plan: every stage of its method in order, each reused where it is there already."""
    derived, recipe = derive(plan, crops), plan.model_recipe
    model = plan.model(crops, derived)
    for stage in plan.method.stages():
        train(model, stage.name, crops, recipe, plan.device, derived, plan.processes)
    return assemble(model, crops, recipe)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a flow, for whoever asks by a method's name
    if name not in methods():
        raise AttributeError(f"module flows.farm3d has no attribute {name!r}")
    globals()[name] = method_flow(name)
    return globals()[name]
