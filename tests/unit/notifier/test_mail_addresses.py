"""Addresses of e-mail: what is accepted can be written into a message."""

import itertools
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from services.notifier.channels.email import mail_of
from services.notifier.message import Message
from shared.domain.notifying import Level
from shared.settings.documents import NotificationsSettings

_MESSAGE = Message("1", "test", Level.INFO, "Title", (), datetime(2026, 11, 23, tzinfo=UTC), "default")
_ODD = [
    address
    for odd in map("".join, itertools.product("()[]\\'.=?!%+\x7f", repeat=2))
    for address in (f"{odd}a@b.example", f"a@{odd}b.example", f"a@b{odd}", f"{odd}@b.example")
]


def test_every_address_that_is_accepted_can_be_written_into_a_message() -> None:
    written = 0
    for address in ("phones@example.com", "o'neil+phones@example.com", *_ODD):
        try:
            settings = NotificationsSettings(smtp_host="mail.example", sender=address, recipients=(address,))
        except ValidationError:
            continue
        assert mail_of(settings, _MESSAGE).as_bytes()
        written += 1
    assert written > 2


@pytest.mark.parametrize("address", ["a@[b", "a(@b.example", "a@b.example)", "a\\@b.example"])
def test_an_address_that_no_message_can_hold_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        NotificationsSettings(smtp_host="mail.example", sender=address, recipients=("a@b.example",))
