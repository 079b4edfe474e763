"""Notifications as the API shows them."""

from datetime import datetime

from pydantic import Field

from services.api.web.schemas import Answer, example
from shared.domain.notifying import MessageState

_MESSAGE = {
    "id": 12,
    "channel": "email",
    "kind": "plan_waits",
    "title": "A plan needs approval",
    "lines": ["Run 7 would create 3, delete 1. Nothing is changed until it is approved."],
    "state": "failed",
    "attempts": 1,
    "error_code": "receiver_refused",
    "error_message": "mail.example.com refused the message (550 5.1.1 no such user).",
    "created_at": "2026-11-23T12:04:00Z",
    "due_at": "2026-11-23T12:04:00Z",
    "sent_at": None,
}


class MessageOut(Answer):
    """A notification for one channel."""

    model_config = example(**_MESSAGE)
    id: int
    channel: str = Field(description="email, teams, slack or webhook.")
    kind: str
    title: str
    lines: list[str]
    state: MessageState = Field(description="failed ones wait for a person to send them again.")
    attempts: int
    error_code: str | None
    error_message: str | None = Field(description="What the receiver said last.")
    created_at: datetime
    due_at: datetime = Field(
        description="Not sent before: quiet hours, the daily summary, or the next attempt."
    )
    sent_at: datetime | None


class MessageList(Answer):
    """The newest notifications of a site, newest first."""

    model_config = example(items=[_MESSAGE])
    items: list[MessageOut]
