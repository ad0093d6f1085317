"""A step for prefect.yaml: whether a schedule is to be active when its deployment is deployed again."""

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound


async def stored(deployment: str, slug: str) -> dict[str, bool]:
    """What the server holds of this schedule, as `active`: false the first time, later what an operator set.

    A literal `active` in the file would undo `prefect deployment schedule resume` on every deploy.
    """
    async with get_client() as client:
        try:
            known = (await client.read_deployment_by_name(deployment)).schedules
        except ObjectNotFound:
            known = []
    return {"active": any(schedule.active for schedule in known if schedule.slug == slug)}
