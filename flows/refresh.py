"""More pictures for a data set: what a schedule runs."""

from collections.abc import Iterator
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.control.growth_events import announce_growth
from flows.dataset import dataset_flow, max_shards
from flows.plan.availability import check_data_parts
from flows.plan.plan import Plan, PlanChanges, load_plan
from flows.plan.presets import Scale
from storage.dataset import snapshots
from storage.dataset.pins import pin_category
from storage.runs.growth import Growth, growth
from storage.store.references import DatasetRef, digest
from tasks.runtime import artifacts


@flow(name="refresh", flow_run_name="refresh-{category}-{scale}")
def refresh(
    category: str = "cow",
    scale: Scale = "laptop",
    root: str = "data",
    more: Annotated[int, Field(ge=1)] = 100,
    minutes: Annotated[float, Field(gt=0)] = 120,
    due: Annotated[float, Field(gt=0)] = 0.2,
    changes: PlanChanges = PlanChanges(),  # noqa: B008 - frozen
) -> State[DatasetRef]:
    """Add pictures to the newest data set of a category and commit a new snapshot; runs pinned to old ones keep them.

    Shards of it that are gone, as after `farm3d verify --repair`, are made again. Where a limit is reached
    first, what there is by then is committed, and the run says so. Once the data set has grown enough since a model
    learnt from it, the event `farm3d.dataset.due` starts farm3d/<category>.

    Args:
        category: the animal: a name in `flows/categories`, as cow, horse or sheep
        scale: whose recipe of photos and crops is continued
        root: folder or address of all data, as data or s3://bucket/farm3d
        more: pictures to add; those that are dropped do not count
        minutes: time limit in minutes; no shard is begun after it, and what is there is committed
        due: growth that makes a new model due, as a share of what the newest one learnt from; 0.2 is 20 %
        changes: what this run does otherwise than its scale; what is left alone stays. Its menu takes JSON too:
            {"photos": 32, "least_kept": 0.25}, where 0.25 limits the photos to four for each picture wanted
    """
    plan = load_plan(category, scale, root, changes).model_copy(update={"images": more})
    check_data_parts(plan)
    have, again = 0, list[int]()
    with pin_category(plan.store.root, category):
        if before := snapshots.newest(plan.store.root, category, digest(plan.crop_recipe)):
            have, again = len(before.shards), snapshots.gaps(plan.store.dataset(category, before.id))
        dataset = dataset_flow(plan)(plan, 0, have, again, minutes)
    increase = growth(dataset, before)
    said = changes.model_dump(mode="json", exclude_unset=True)
    announced = announce_growth(category, increase, due, {"scale": scale, "root": plan.store.root, "changes": said})
    made = len(snapshots.read(dataset).shards) - have
    message = "; ".join(_told(plan, made, increase, minutes, announced))
    artifacts.table(f"refresh-{category}", [increase.model_dump()], message)
    return Completed(message=message, data=dataset)


def _told(plan: Plan, made: int, increase: Growth, minutes: float, announced: bool) -> Iterator[str]:
    yield f"snapshot {increase.snapshot}: {increase.kept} crops, {increase.added} of them new"
    if increase.added < plan.images:
        photos = f"{made * plan.photos} photos, the most with least_kept {plan.least_kept:g}"
        limit = photos if made >= max_shards(plan) else f"{minutes:g} minutes"
        yield f"stopped with {increase.added} of {plan.images} after {limit}"
    if announced:
        since = "no model has learnt from it"
        if increase.share is not None:
            since = f"grown by {increase.share:.0%} since a model learnt from snapshot {increase.learnt_from}"
        yield f"{since}: farm3d/{plan.category.name} is due"
