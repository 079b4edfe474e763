"""Messages are read by people of one language: that of the site."""

from datetime import UTC, datetime

from services.notifier.channels.email import mail_of
from services.notifier.channels.web import slack_blocks, teams_card, webhook_body
from services.notifier.message import Message
from shared.domain.notifying import Level
from shared.language import NAMES, declared, spoken
from shared.settings.sections.notifications import MessageLanguage, NotificationsSettings

_SETTINGS = NotificationsSettings(
    smtp_host="mail.example", sender="rollcall@example.com", recipients=("phones@example.com",)
)
_MESSAGE = Message(
    "1", "test", Level.INFO, declared("The last run failed"), (declared("Notifications reach this channel."),) * 60,
    datetime(2026, 12, 1, tzinfo=UTC), "default", link="https://rollcall.example.com/console",
)  # fmt: skip


def test_every_language_can_be_chosen_for_messages() -> None:
    assert {item.value: item.label for item in MessageLanguage} == NAMES


def test_no_channel_leaves_english_in_a_german_message() -> None:
    with spoken("de"):
        mail = mail_of(_SETTINGS, _MESSAGE)
        others = [teams_card(_MESSAGE), slack_blocks(_MESSAGE), webhook_body(_MESSAGE)]
    texts = [mail["Subject"], *(part.get_content() for part in mail.iter_parts()), *map(str, others)]
    assert "Der letzte Lauf" in mail["Subject"]
    for text in texts:
        assert not [
            english
            for english in ("The last run", "Notifications reach", "Open in Rollcall", "10 more")
            if english in text
        ]
