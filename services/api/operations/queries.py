"""What waits: messages for a worker, asked of the broker itself, and notifications that nobody has taken."""

from typing import Any

from kombu.exceptions import ChannelError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.database.tables import NotifiedState, OutboxRow
from shared.domain.notifying import SYSLOG, MessageState
from shared.worker.brokers import CONNECT_SECONDS
from shared.worker.context import Context
from shared.worker.queues import Queue


def failed_messages(session: Session) -> dict[str, int]:
    """How many notifications of each site could not be sent; sites without any are left out."""
    failed = OutboxRow.state == MessageState.FAILED.value
    rows = session.execute(
        select(OutboxRow.site_id, func.count().label("count")).where(failed).group_by(OutboxRow.site_id)
    )
    return {row.site_id: row._mapping["count"] for row in rows}


def unsent_audits(session: Session) -> dict[str, str]:
    """Why the audit of a site did not reach its syslog server; sites where it did are left out."""
    is_failing = NotifiedState.kind == SYSLOG, NotifiedState.error_message.is_not(None)
    rows = session.scalars(select(NotifiedState).where(*is_failing))
    return {row.site_id: row.error_message or "" for row in rows}


def waiting_messages(context: Context) -> dict[Queue, int]:
    """The length of each queue.

    :raises OperationalError: the broker does not answer.
    """
    with context.app.connection_for_read(connect_timeout=CONNECT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, timeout=CONNECT_SECONDS)
        return {queue: _length(connection, queue) for queue in Queue}


def _length(connection: Any, queue: Queue) -> int:
    try:
        # A channel of its own: RabbitMQ closes one that asks for what is not there.
        with connection.channel() as channel:
            return int(channel.queue_declare(queue=queue.value, passive=True).message_count)
    except ChannelError:
        # Redis keeps no empty list, and RabbitMQ no queue before its first worker or message.
        return 0
