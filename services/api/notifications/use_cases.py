"""The messages of a site's outbox, and a person's word on those that could not be sent.

Called by the API, the console and the command line. The notifier sends again what is pending.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.database import events
from shared.database.found import site_of
from shared.database.tables import OutboxRow
from shared.domain.notifying import MessageState
from shared.errors import NotFound
from shared.language import phrase
from shared.messages import Notify
from shared.worker.context import Context

_SHOWN = 200


def list_messages(
    context: Context, site_id: str, state: MessageState | None = None, limit: int = _SHOWN
) -> Sequence[OutboxRow]:
    """The newest messages of the site, those of one state or of all.

    :raises NotFound: there is no such site.
    """
    query = select(OutboxRow).where(OutboxRow.site_id == site_id)
    if state is not None:
        query = query.where(OutboxRow.state == state.value)
    with context.database.read() as session:
        site_of(session, site_id)
        return session.scalars(query.order_by(OutboxRow.id.desc()).limit(limit)).all()


def send_again(context: Context, site_id: str, message_id: int, actor: str) -> OutboxRow:
    """Let a message that could not be sent be tried anew.

    :raises NotFound: the site has no such message that failed.
    """
    with context.database.begin() as session:
        row = _failed(session, site_id, message_id)
        row.state, row.attempts, row.due_at = MessageState.PENDING.value, 0, datetime.now(UTC)
        _note(
            session,
            row,
            actor,
            "sent_again",
            phrase("The notification “{title}” is sent again.", title=row.title),
        )
    context.publish([Notify(site_id=site_id)])
    return row


def discard(context: Context, site_id: str, message_id: int, actor: str) -> OutboxRow:
    """Forget a message that could not be sent.

    :raises NotFound: the site has no such message that failed.
    """
    with context.database.begin() as session:
        row = _failed(session, site_id, message_id)
        _note(
            session,
            row,
            actor,
            "discarded",
            phrase("The notification “{title}” was discarded.", title=row.title),
        )
        session.delete(row)
    return row


def _failed(session: Session, site_id: str, message_id: int) -> OutboxRow:
    row = session.get(OutboxRow, message_id)
    if row is None or row.site_id != site_id or row.state != MessageState.FAILED.value:
        raise NotFound(
            phrase(
                "No message {message_id} is waiting to be sent again. List them: rollcall notifications list --failed",
                message_id=message_id,
            )
        )
    return row


def _note(session: Session, row: OutboxRow, actor: str, what: str, sentence: str) -> None:
    details = {"kind": row.kind, "channel": row.channel, "title": row.title, "error": row.error_code}
    events.record_audited(
        session, row.site_id, events.LogEntry(f"notification.{what}", sentence, actor=actor), details
    )
