from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.exceptions import ObjectNotFound

from flows.control import notification_blocks
from flows.control.notification_blocks import find_block


class Server:
    """One with a block that sends mail, and one that only keeps a password."""

    block = uuid4()

    def read_block_document_by_name(self, name, block_type_slug):
        capabilities = {"sendgrid-email": ["notify"], "email-server-credentials": []}
        if block_type_slug not in capabilities or name != "lab":
            raise ObjectNotFound(Exception())
        return SimpleNamespace(id=self.block, block_schema=SimpleNamespace(capabilities=capabilities[block_type_slug]))


def test_a_block_that_is_there_is_found():
    assert find_block(Server(), "sendgrid-email/lab") == ("sendgrid-email", Server.block)


@pytest.mark.parametrize("target", ["sendgrid-email/none", "slack", "ftp://x/y"])
def test_one_that_is_not_there_is_named_with_a_way_out(target):
    with pytest.raises(ValueError, match=f"{target}: the server has no such block; .* give TYPE/NAME"):
        find_block(Server(), target)


def test_an_address_without_a_host_is_refused():
    with pytest.raises(ValueError, match=r"http://: names no host; give a whole address, as https://example"):
        find_block(Server(), "http://")


def test_a_block_that_sends_no_messages_is_refused():
    with pytest.raises(ValueError, match="email-server-credentials/lab: no block of this type sends messages"):
        find_block(Server(), "email-server-credentials/lab")


def test_an_address_becomes_a_webhook_that_replaces_the_last_one(monkeypatch):
    saved = []

    def save(self, name, overwrite):
        saved.append((self.url.get_secret_value(), self.headers.get_secret_value(), name, overwrite))
        return uuid4()

    monkeypatch.setattr(notification_blocks.Webhook, "save", save)
    block_type, _ = find_block(Server(), "https://hooks.example/x")
    assert block_type == "webhook" and saved == [
        ("https://hooks.example/x", {"Content-Type": "application/json"}, "farm3d-notify", True)
    ]
