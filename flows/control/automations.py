"""What the server does by itself: a run that fell silent counts as crashed, and somebody is told of runs that fail.

Automations of deployments, such as learning an animal again, are in prefect.yaml.
"""

from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

SILENT = "mark a silent run crashed"
SILENT_SECONDS = 90
"""Three heartbeats (`flows.heartbeat_frequency` in pyproject.toml)."""
FAILURES = "tell of runs that fail"
WORRYING = {f"prefect.flow-run.{state}" for state in ("Failed", "Crashed", "TimedOut", "Late")}
RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
TITLE = 'flow.name ~ "/" ~ deployment.name ~ " is " ~ flow_run.state.name'
SENTENCE = TITLE + ' ~ ": run " ~ flow_run.name ~ ", " ~ flow_run.state.message ~ " " ~ (flow_run|ui_url)'
"""Expressions of Jinja, in which the server tells of the run that an event is about."""


def watch_silent_runs(client: SyncPrefectClient) -> None:
    """Let the server mark a run crashed that stopped sending heartbeats: its machine or its process is gone.

    The automation is made once; an operator may pause it. The server itself refuses to crash a run that has ended.
    """
    if client.read_automations_by_name(SILENT):
        return
    trigger = EventTrigger(
        match=RUNS,
        for_each={"prefect.resource.id"},
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.*"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=SILENT_SECONDS),
    )
    message = f"No heartbeat for {SILENT_SECONDS} s: its process or its machine is gone."
    action = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message, force=False)
    description = "A killed run would stay Running for ever and keep its slot."
    client.create_automation(AutomationCore(name=SILENT, description=description, trigger=trigger, actions=[action]))


def tell_of_failures(client: SyncPrefectClient, block_type: str, block: UUID) -> None:
    """Let the server tell by this block of every run that fails, crashes or starts late; no longer by another one.

    A block of the type `webhook` gets JSON with the sentence as `text`, as Slack and Mattermost take it; every other
    is one of Prefect's notification blocks, such as `sendgrid-email`.
    """
    if block_type == "webhook":
        action = CallWebhook(block_document_id=block, payload=f'{{"text": {{{{ ({SENTENCE})|tojson }}}}}}')
    else:
        action = SendNotification(block_document_id=block, subject=f"{{{{ {TITLE} }}}}", body=f"{{{{ {SENTENCE} }}}}")
    for automation in client.read_automations_by_name(FAILURES):
        client.delete_automation(automation.id)
    trigger = EventTrigger(match=RUNS, for_each={"prefect.resource.id"}, expect=WORRYING, posture=Posture.Reactive)
    description = "Made by `farm3d notify`."
    client.create_automation(AutomationCore(name=FAILURES, description=description, trigger=trigger, actions=[action]))
