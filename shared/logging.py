"""Sets up the process's log lines: a constant event name and fields; ids, not objects; never a secret."""

import logging
import sys
from collections.abc import Callable
from typing import TextIO

import structlog

from shared.process_settings import ProcessSettings
from shared.values.text import visible


def configure(settings: ProcessSettings, stream: TextIO | None = None) -> None:
    """Send structlog and the libraries' loggers to standard error, for people or as JSON."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    # JSON has escapes of its own.
    shown: list[structlog.typing.Processor] = [] if settings.log_format == "json" else [_visible]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *shown,
                renderer,
            ],
        )
    )
    # What reads the lines as JSON must not stumble over a library's warning.
    logging.captureWarnings(settings.log_format == "json")
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in (
        # At debug level these write what they send and receive: rows of people, passwords of connections.
        "sqlalchemy",
        "redis",
        "asyncio",
        "tornado",
        "flower",
        "httpx",
        "httpcore",
        "alembic",
        "kombu",
        "amqp",
        "celery.beat",
        "celery.worker.strategy",
        "celery.app.trace",
    ):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _visible(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What others wrote cannot command the terminal that shows the log, nor make up lines of it."""
    for name, value in line.items():
        if isinstance(value, str):
            # Banners and tracebacks have several lines.
            line[name] = visible(value, "\n\t" if name in ("event", "exception") else "")
    return line


def ids_taken_along() -> Callable[[], None]:
    """What a thread of a pool does first (``initializer``), so that its lines carry the ids of the task it works for."""
    ids = structlog.contextvars.get_contextvars()

    def _bind() -> None:
        structlog.contextvars.bind_contextvars(**ids)

    return _bind
