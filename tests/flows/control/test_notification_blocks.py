from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.exceptions import ObjectNotFound

from flows.control import notification_blocks
from flows.control.notification_blocks import find_block


class Server:
    """One with a single mail block."""

    block = uuid4()

    def read_block_document_by_name(self, name, block_type_slug):
        if (block_type_slug, name) != ("sendgrid-email", "lab"):
            raise ObjectNotFound(Exception())
        return SimpleNamespace(id=self.block)


def test_a_block_that_is_there_is_found():
    assert find_block(Server(), "sendgrid-email/lab") == ("sendgrid-email", Server.block)


@pytest.mark.parametrize("target", ["sendgrid-email/none", "slack", "ftp://x/y"])
def test_one_that_is_not_there_is_named_with_a_way_out(target):
    with pytest.raises(ValueError, match=f"{target}: the server has no such block; .* give TYPE/NAME"):
        find_block(Server(), target)


def test_an_address_becomes_a_webhook_that_replaces_the_last_one(monkeypatch):
    saved = []

    def save(self, name, overwrite):
        saved.append((self.url.get_secret_value(), name, overwrite))
        return uuid4()

    monkeypatch.setattr(notification_blocks.Webhook, "save", save)
    block_type, _ = find_block(Server(), "https://hooks.example/x")
    assert block_type == "webhook" and saved == [("https://hooks.example/x", "farm3d-notify", True)]
