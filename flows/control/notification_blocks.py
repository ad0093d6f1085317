"""Prefect's blocks for webhooks, mails and chats: where notifications are sent to."""

from urllib.parse import urlsplit
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

WEBHOOK = "farm3d-notify"
JSON = {"Content-Type": "application/json"}


def find_block(client: SyncPrefectClient, target: str) -> tuple[str, UUID]:
    """The type and id of a block: one made for an address, or one that was made before, as TYPE/NAME.

    Raises ValueError if there is no such block, or one that tells nobody anything, as `email-server-credentials`.
    """
    if target.startswith(("http://", "https://")):
        if not urlsplit(target).hostname:
            raise ValueError(f"{target}: names no host; give a whole address, as https://example.org/hook")
        webhook = Webhook(url=SecretStr(target), headers=SecretDict(JSON))
        return "webhook", UUID(str(webhook.save(WEBHOOK, overwrite=True)))
    block_type, _, name = target.partition("/")
    try:
        block = client.read_block_document_by_name(name, block_type)
    except ObjectNotFound:
        raise ValueError(
            f"{target}: the server has no such block; make one under Blocks in its pages and give TYPE/NAME, "
            "as sendgrid-email/lab, or give an address that starts with https://"
        ) from None
    if block_type != "webhook" and not (block.block_schema and "notify" in block.block_schema.capabilities):
        raise ValueError(f"{target}: no block of this type sends messages; give one as sendgrid-email or slack-webhook")
    return block_type, block.id
