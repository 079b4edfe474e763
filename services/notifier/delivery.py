"""Sends what the outbox holds: in order, channel by channel, again until it is taken or given up.

What was sent and not noted, because the worker died between the two, is sent once more with the same id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.notifier.channels import email, web
from services.notifier.message import Message
from services.notifier.timing import pause_seconds
from shared.database import events
from shared.database.sentences import with_sentences
from shared.database.tables import EventLevel, OutboxRow, Site
from shared.domain.notifying import Channel, Level, MessageState
from shared.errors import BadCredentials, PermanentError, RollcallError
from shared.language import declared, phrase, spoken
from shared.settings.documents import NotificationsSettings
from shared.settings.store import DEFAULT_SITE
from shared.work.heartbeat import Heartbeat
from shared.worker.context import Context

log = structlog.get_logger(__name__)

SENDERS: Mapping[Channel, Callable[[NotificationsSettings, Message], str]] = {
    Channel.EMAIL: email.send,
    Channel.TEAMS: web.send_to_teams,
    Channel.SLACK: web.send_to_slack,
    Channel.WEBHOOK: web.send_to_webhook,
}
# A day, with the pauses that grow to an hour.
MOST_ATTEMPTS = 28
_MOST_AT_ONCE = 100
# Soon repeated, a wrong password locks the account.
_WRONG_PASSWORD_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message that waits to be sent."""

    row_id: int
    channel: str
    attempts: int
    message: Message


def is_suspect(context: Context, site_id: str) -> bool:
    """Whether a receiver of the site did not take its last message."""
    failing = select(OutboxRow.id).where(*_pending(site_id), OutboxRow.attempts > 0).limit(1)
    with context.database.glance() as session:
        return session.scalar(failing) is not None


def deliver(
    context: Context, site_id: str, settings: NotificationsSettings, base: str, heartbeat: Heartbeat
) -> None:
    """Send what is due. A channel that fails is left alone until its first message is due again: order is kept.

    ``base`` is the address that links begin with, empty for none.
    """
    with context.database.read() as session:
        due = _read_due(session, site_id, base)
    paused: set[str] = set()
    there = {*settings.channels()}
    for item in due:
        if item.channel in paused:
            continue
        if heartbeat.is_lost or context.is_stopping:
            return
        if item.channel not in there:
            _end(context, site_id, item, _no_channel(item.channel))
            continue
        try:
            _send(settings, item)
        except RollcallError as error:
            paused.add(item.channel)
            if isinstance(error, PermanentError) or item.attempts + 1 >= MOST_ATTEMPTS:
                _end(context, site_id, item, error)
            else:
                _postpone(context, item, error)
        else:
            _note(context, item, state=MessageState.SENT.value, sent_at=datetime.now(UTC), **_NO_ERROR)


def _send(settings: NotificationsSettings, item: _Waiting) -> None:
    """Send it. What no channel knows is an error of this message: it must not keep the others from being sent."""
    try:
        with spoken(settings.language):
            SENDERS[Channel(item.channel)](settings, item.message)
    except (RollcallError, SoftTimeLimitExceeded):
        raise
    except Exception as error:
        # By its kind alone: addresses of webhooks are secrets.
        log.error("message_not_sent", message_id=item.row_id, channel=item.channel, kind=type(error).__name__)
        raise PermanentError(
            phrase(
                "The channel could not write it ({reason}). Check the settings of the channel.",
                reason=type(error).__name__,
            )
        ) from None


_NO_ERROR: Mapping[str, Any] = {"error_code": None, "error_message": None}


def _no_channel(channel: str) -> PermanentError:
    return PermanentError(phrase("The channel {channel} is no longer set up.", channel=channel))


def _pending(site_id: str) -> tuple[Any, ...]:
    return OutboxRow.site_id == site_id, OutboxRow.state == MessageState.PENDING.value


def _read_due(session: Session, site_id: str, base: str) -> list[_Waiting]:
    """What can be sent now. However much waits behind a message that failed, it takes no place of other channels."""
    now = datetime.now(UTC)
    paused = session.scalars(
        select(OutboxRow.channel).where(*_pending(site_id), OutboxRow.attempts > 0, OutboxRow.due_at > now)
    ).all()
    name = session.scalar(select(Site.name).where(Site.id == site_id)) or site_id
    rows = session.scalars(
        select(OutboxRow)
        .where(*_pending(site_id), OutboxRow.due_at <= now, OutboxRow.channel.not_in(paused))
        .order_by(OutboxRow.id)
        .limit(_MOST_AT_ONCE)
    )
    return [
        _Waiting(
            row.id,
            row.channel,
            row.attempts,
            Message(
                row.message_id,
                row.kind,
                Level(row.severity),
                row.title,
                tuple(row.lines),
                row.created_at,
                site_id,
                name if site_id != DEFAULT_SITE else "",
                f"{base}{row.path}" if base and row.path else "",
            ),
        )
        for row in rows
    ]


def _postpone(context: Context, item: _Waiting, error: RollcallError) -> None:
    pause = pause_seconds(item.attempts + 1)
    if isinstance(error, BadCredentials):
        pause = max(pause, _WRONG_PASSWORD_SECONDS)
    again_at = datetime.now(UTC) + timedelta(seconds=pause)
    _note(
        context,
        item,
        attempts=item.attempts + 1,
        due_at=again_at,
        error_code=error.code,
        error_message=error.message,
    )


def _end(context: Context, site_id: str, item: _Waiting, error: RollcallError) -> None:
    """Nobody has it: it waits for a person, and the Log says so."""
    entry = events.LogEntry(
        "notification.failed",
        phrase(
            "The notification “{title}” could not be sent ({channel}). {reason}",
            title=item.message.title,
            channel=declared(Channel(item.channel).label) if item.channel in [*Channel] else item.channel,
            reason=error.message,
        ),
        EventLevel.ERROR,
    )
    _note(
        context,
        item,
        (site_id, entry),
        state=MessageState.FAILED.value,
        attempts=item.attempts + 1,
        error_code=error.code,
        error_message=error.message,
    )


def _note(
    context: Context, item: _Waiting, entry: tuple[str, events.LogEntry] | None = None, **values: Any
) -> None:
    with context.database.begin() as session:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id == item.row_id, OutboxRow.state == MessageState.PENDING.value)
            .values(**with_sentences(OutboxRow, values))
            .execution_options(synchronize_session=False)
        )
        if entry is not None:
            events.record(session, entry[0], entry[1])
