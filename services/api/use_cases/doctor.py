"""Looks at everything a deployment needs and says in one sentence each what is well and what to mend.

Called by ``rollcall doctor``, by the API's diagnosis and, the quick part, by ``/health/ready``. Changes nothing.
"""

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kombu.exceptions import OperationalError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared.database.migrate import standing
from shared.database.probe import probe
from shared.database.tables import Event, Site
from shared.errors import RollcallError
from shared.runs.start import check_ready
from shared.settings import store
from shared.worker.context import Context
from shared.worker.queues import Queue

_PING_SECONDS = 2.0
_CONNECT_SECONDS = 3.0
_LEAST_FREE_BYTES = 500 * 1024 * 1024
_CLOCK_TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``message`` says what is well, or what is wrong and what to do."""

    name: str
    ok: bool
    message: str


def diagnose(context: Context) -> list[Check]:
    """Everything, in the order in which it should be mended; takes some seconds when something is down."""
    checks = ready(context)
    if checks[0].ok and not context.database.is_sqlite:
        checks += [_checked("database options", lambda: _database_options(context))]
    checks += [broker(context)]
    checks += _workers(context) if checks[-1].ok else []
    # Without tables there is nothing to say of settings and times.
    if checks[0].ok:
        checks += list(_settings(context))
        checks += [_checked("clock", lambda: _clock(context))]
    checks += [_checked("disk", lambda: _disk(context))]
    return checks


def ready(context: Context) -> list[Check]:
    """What must hold for this process to answer requests at all; quick."""
    database = _checked("database", lambda: _database(context))
    return [database, _checked("key", lambda: _key(context))] if database.ok else [database]


def broker(context: Context) -> Check:
    """Whether messages can be sent now. Without a broker the API still answers; runs wait for it."""
    return _checked("broker", lambda: _broker(context))


class _Unwell(Exception):
    """What was looked at is not as it must be."""


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except RollcallError as error:
        return Check(name, False, error.message)
    except _Unwell as error:
        return Check(name, False, str(error))
    except SQLAlchemyError as error:
        return Check(name, False, f"The database refused ({type(error).__name__}). Look at its own log.")


def _database(context: Context) -> str:
    # SQLite goes on with a file that was deleted under it, until the process ends and everything is lost.
    if context.database.is_sqlite and not Path(str(context.database.url.database)).exists():
        raise _Unwell(
            f"The database file {context.database.url.database} is gone. Stop Rollcall, put the file back (from "
            "a backup), then start it again."
        )
    found = standing(context.database)
    if not found.is_usable:
        raise _Unwell(found.message)
    return found.message


def _database_options(context: Context) -> str:
    found = probe(context.database)
    if found.warnings:
        raise _Unwell(" ".join(found.warnings))
    return f"{found.product} {found.version} serves the database {found.place}."


def _key(context: Context) -> str:
    with context.database.read() as session:
        for site_id in session.scalars(select(Site.id)).all():
            store.read(session, site_id, context.encryption)
    return "The key opens every stored secret."


def _broker(context: Context) -> str:
    if context.settings.is_embedded:
        return "Messages travel inside the process: the embedded mode."
    try:
        with context.app.connection_for_write(connect_timeout=_CONNECT_SECONDS) as connection:
            where: str = connection.as_uri()
            connection.ensure_connection(max_retries=1, timeout=_CONNECT_SECONDS)
    except (OperationalError, OSError) as error:
        raise _Unwell(
            f"The broker does not answer ({type(error).__name__}). Start it, or mend ROLLCALL_BROKER_URL."
        ) from error
    return f"The broker answers at {where}."


def _workers(context: Context) -> list[Check]:
    served = _served_queues(context)
    if not served and context.settings.is_embedded:
        return [_checked("workers", lambda: _embedded(context))]
    return [
        Check(queue.value, True, f"A worker listens to {queue.value}.")
        if queue.value in served
        else Check(
            queue.value,
            False,
            f"No worker listens to {queue.value}. Start one: `rollcall worker --queue {queue.value}`.",
        )
        for queue in Queue
    ]


def _served_queues(context: Context) -> set[str]:
    try:
        answers = context.app.control.inspect(timeout=_PING_SECONDS).active_queues()
    except (OperationalError, OSError):
        return set()
    return {queue["name"] for queues in (answers or {}).values() for queue in queues}


def _embedded(context: Context) -> str:
    # The in-memory broker does not reach beyond its process, so another one can only be seen by its port.
    host, port = context.settings.api_host, context.settings.api_port
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError as error:
        raise _Unwell(
            f"`rollcall up` does not answer at {host}:{port}, so no scheduled run starts. Start it with `rollcall up`."
        ) from error
    return f"The workers live in the `rollcall up` that answers at {host}:{port}."


def _settings(context: Context) -> Iterator[Check]:
    with context.database.read() as session:
        sites = session.scalars(select(Site.id).order_by(Site.id)).all()
    for site_id in sites:
        yield _checked(f"settings of {site_id}", lambda site_id=site_id: _complete(context, site_id))  # type: ignore[misc]


def _complete(context: Context, site_id: str) -> str:
    with context.database.read() as session:
        check_ready(store.read(session, site_id, context.encryption).settings)
    return "The directory and the phone system are configured."


def _clock(context: Context) -> str:
    with context.database.read() as session:
        newest = session.scalar(select(Event.occurred_at).order_by(Event.id.desc()).limit(1))
    now = datetime.now(UTC)
    if newest is not None and newest > now + _CLOCK_TOLERANCE:
        raise _Unwell(
            f"The newest entry of the Log is of {newest:%Y-%m-%d %H:%M} UTC, which this computer's clock "
            f"({now:%Y-%m-%d %H:%M} UTC) has not reached. Set the clocks of all hosts by NTP."
        )
    return f"It is {now:%Y-%m-%d %H:%M} UTC."


def _disk(context: Context) -> str:
    try:
        free = shutil.disk_usage(context.settings.data).free
    except OSError as error:
        raise _Unwell(
            f"The data folder {context.settings.data} cannot be read ({error.strerror}). Make it, or set ROLLCALL_DATA."
        ) from error
    megabytes = free // (1024 * 1024)
    if free < _LEAST_FREE_BYTES:
        raise _Unwell(f"Only {megabytes} MB are free in {context.settings.data}. Free some space.")
    return f"{megabytes} MB are free in {context.settings.data}."
