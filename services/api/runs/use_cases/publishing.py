"""Tells the workers that something is due, after the commit that made it due."""

import structlog
from kombu.exceptions import OperationalError

from shared.errors import StorageUnavailable
from shared.work.due import correlation_id
from shared.work.publishing import publish_due
from shared.worker.context import Context

log = structlog.get_logger(__name__)


def publish(context: Context, run_id: int) -> None:
    """Publish what the run waits for. What is down by now costs time only: the sweep publishes again."""
    try:
        publish_due(context, run_id)
        log.info("run_published", correlation_id=correlation_id(run_id))
    except (OperationalError, StorageUnavailable) as error:
        log.warning("run_not_published", run_id=run_id, error=type(error).__name__)
