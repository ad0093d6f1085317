"""Steps for prefect.yaml: schedules and automations stay as an operator set them when they are deployed again."""

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound


async def preserve_schedule_state(deployment: str, slug: str) -> dict[str, bool]:
    """What the server holds of this schedule, as `active`: false the first time, later what an operator set.

    A literal `active` in the file would undo `prefect deployment schedule resume` on every deploy.
    """
    async with get_client() as client:
        try:
            schedules = (await client.read_deployment_by_name(deployment)).schedules
        except ObjectNotFound:
            schedules = []
    return {"active": any(schedule.active for schedule in schedules if schedule.slug == slug)}


async def preserve_automation_state(automation: str) -> dict[str, bool]:
    """What the server holds of this automation, as `enabled`: true the first time, later what an operator set.

    A deploy deletes the automations of its deployment and makes them anew: `prefect automation pause` would be undone.
    """
    async with get_client() as client:
        automations = await client.read_automations_by_name(automation)
    return {"enabled": all(known.enabled for known in automations)}
