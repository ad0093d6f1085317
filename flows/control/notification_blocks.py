"""Prefect's blocks for webhooks, mails and chats: where notifications are sent to."""

from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

WEBHOOK = "farm3d-notify"


def find_block(client: SyncPrefectClient, target: str) -> tuple[str, UUID]:
    """The type and id of a block: one made for an address, or one that was made before, as TYPE/NAME.

    Raises ValueError if there is no such block.
    """
    if target.startswith(("http://", "https://")):
        return "webhook", UUID(str(Webhook(url=SecretStr(target)).save(WEBHOOK, overwrite=True)))
    block_type, _, name = target.partition("/")
    try:
        return block_type, client.read_block_document_by_name(name, block_type).id
    except ObjectNotFound:
        raise ValueError(
            f"{target}: the server has no such block; make one under Blocks in its pages and give TYPE/NAME, "
            "as sendgrid-email/lab, or give an address that starts with https://"
        ) from None
