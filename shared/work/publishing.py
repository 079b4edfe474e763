"""Publishes what of a run waits for a worker, after the commit that made it due."""

from datetime import UTC, datetime, timedelta

from shared.work.due import due_messages, follow_ups
from shared.worker.context import Context


def publish_due(context: Context, run_id: int) -> None:
    """Publish whatever of the run waits for a worker now."""
    with context.database.read() as session:
        messages = due_messages(session, datetime.now(UTC), run_id)
    context.publish(messages)


def publish_after_part(context: Context, run_id: int, part_id: int, seconds: float) -> None:
    """Publish what the end of an attempt at a part makes due in so many seconds, and nothing else: the run's other
    parts were published when it started.
    """
    with context.database.read() as session:
        messages = due_messages(session, datetime.now(UTC) + timedelta(seconds=seconds), run_id)
    context.publish(follow_ups(messages, part_id), countdown=seconds)
