"""Looks at everything a deployment needs and says in one sentence each what is well and what to mend.

Called by ``rollcall doctor``, by the API's diagnosis and, the quick part, by ``/health/ready``. Changes nothing. What
a site's directory, phone system and relay are like is ``doctor_of_sites``'s.
"""

import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from kombu.exceptions import OperationalError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from services.api.console.live import live_changes
from services.api.operations.queries import failed_messages, unsent_audits
from shared.database.migrate import schema_status
from shared.database.probe import probe
from shared.database.tables import Event, Site
from shared.database.watches import watch_statuses
from shared.distribution import installed_version
from shared.errors import RollcallError, SettingsInvalid
from shared.language import counted, declared, listed, phrase
from shared.prerequisites import CLOCK_TOLERANCE, clock_advice, version_advice
from shared.runs.start import check_ready
from shared.settings import store
from shared.settings.documents import Authentication
from shared.settings.neighbours import read_sharing
from shared.work import leases
from shared.work.due import SCHEDULER
from shared.worker.context import Context
from shared.worker.queues import Queue

_PING_SECONDS = 2.0
_CONNECT_SECONDS = 3.0
_LEAST_FREE_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``message`` says what is well, or what is wrong and what to do; ``advice`` what should be
    otherwise although it works. Of a directory, ``controllers`` in the order in which they are asked.
    """

    name: str
    ok: bool
    message: str
    advice: tuple[str, ...] = ()
    controllers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Well:
    """What was found where all works, and what should be otherwise all the same."""

    message: str
    advice: tuple[str, ...] = ()
    controllers: tuple[Mapping[str, Any], ...] = ()


def diagnose(context: Context, site_ids: Sequence[str] | None = None) -> list[Check]:
    """Everything, in the order in which it should be mended; takes some seconds when something is down.

    Of settings those of the sites named, or of all.
    """
    checks = ready(context, site_ids)
    # Without tables there is nothing to say of settings and times.
    is_kept = checks[0].ok
    if is_kept and not context.database.is_sqlite:
        checks += [checked(declared("database options"), lambda: _database_options(context))]
    checks += [broker(context)]
    workers = _workers(context) if checks[-1].ok else []
    checks += workers
    if is_kept and all(check.ok for check in workers):
        checks += [checked("beat", lambda: _scheduler(context))]
    if is_kept:
        checks += list(_settings(context, site_ids))
        checks += list(_live(context, site_ids))
        checks += list(_phone_systems(context, site_ids))
        checks += list(_undelivered(context, site_ids))
        checks += [checked("clock", lambda: _clock(context))]
    checks += [checked("disk", lambda: _disk(context)), checked("versions", _versions)]
    return checks


def ready(context: Context, site_ids: Sequence[str] | None = None) -> list[Check]:
    """What must hold for this process to answer requests at all; quick. Of settings as in ``diagnose``."""
    database = checked("database", lambda: _database(context))
    return [database, checked("key", lambda: _key(context, site_ids))] if database.ok else [database]


def broker(context: Context) -> Check:
    """Whether messages can be sent now. Without a broker the API still answers; runs wait for it."""
    return checked("broker", lambda: _broker(context))


class Unwell(Exception):
    """What was looked at is not as it must be; says what to do."""


def checked(name: str, look: Callable[[], str | Well]) -> Check:
    """What looking gave, or what was wrong with it."""
    try:
        found = look()
        well = Well(found) if isinstance(found, str) else found
        return Check(name, True, well.message, well.advice, well.controllers)
    except RollcallError as error:
        return Check(name, False, error.message)
    except Unwell as error:
        return Check(name, False, error.args[0])
    except SQLAlchemyError as error:
        return Check(
            name,
            False,
            phrase("The database refused ({kind}). Look at its own log.", kind=type(error).__name__),
        )


def _database(context: Context) -> str:
    # SQLite goes on with a file that was deleted under it, until the process ends and everything is lost.
    if context.database.is_sqlite and not Path(str(context.database.url.database)).exists():
        raise Unwell(
            phrase(
                (
                    "There is no database file {database}. If Rollcall never ran here, `rollcall up` creates it. "
                    "If it is lost, stop Rollcall, restore it from a backup, then start Rollcall again."
                ),
                database=context.database.url.database,
            )
        )
    found = schema_status(context.database)
    if not found.is_usable:
        raise Unwell(found.message)
    return found.message


def _database_options(context: Context) -> Well:
    found = probe(context.database)
    if found.warnings:
        raise Unwell(" ".join(found.warnings))
    advice = clock_advice(declared("the database server"), found.clock, datetime.now(UTC))
    return Well(
        phrase(
            "{product} {version} serves the database {place}.",
            product=found.product,
            version=found.version,
            place=found.place,
        ),
        tuple(advice),
    )


def _key(context: Context, site_ids: Sequence[str] | None) -> str:
    with context.database.read() as session:
        stored = store.read_all(session, context.encryption)
    for site_id, found in stored.items():
        # The words hold values of that site, and say nothing of the key.
        if isinstance(found, SettingsInvalid) and (site_ids is None or site_id in site_ids):
            raise found
    return declared("The key opens every stored secret.")


def _broker(context: Context) -> str | Well:
    if context.settings.is_embedded:
        return declared("Embedded mode: messages stay within the process.")
    try:
        with context.app.connection_for_write(connect_timeout=_CONNECT_SECONDS) as connection:
            where: str = connection.as_uri()
            connection.ensure_connection(max_retries=1, timeout=_CONNECT_SECONDS)
            found = _broker_software(connection)
    except (OperationalError, OSError) as error:
        raise Unwell(
            phrase(
                "The broker does not answer ({kind}). Start it or correct ROLLCALL_BROKER_URL.",
                kind=type(error).__name__,
            )
        ) from error
    return Well(phrase("{message} answers at {where}.", message=found.message, where=where), found.advice)


def _broker_software(connection: Any) -> Well:
    """Name and version of the broker, and what should be set otherwise."""
    advice: tuple[str, ...] = ()
    if connection.transport.driver_type == "redis":
        try:
            answer = connection.default_channel.client.info()
        except connection.channel_errors:
            return Well(declared("A Redis that does not let this user ask for its version"))
        except connection.connection_errors as error:
            raise OperationalError(str(error)) from error
        found, oldest = str(answer.get("redis_version", "")), "6"
        # Messages are work to be done: a server that throws away what it has no room for throws that away.
        evicts = answer.get("maxmemory_policy", "noeviction") != "noeviction" and bool(
            answer.get("maxmemory")
        )
        advice = (_EVICTS,) if evicts else advice
        product = "Redis"
    else:
        answer = connection.connection.server_properties
        found, oldest = str(answer.get("version", "")), "3.10"
        product = str(answer.get("product", "The broker"))
    return Well(
        phrase("{product} {version}", product=product, version=found),
        (*advice, *version_advice(product, found, oldest)),
    )


_EVICTS = declared(
    "Redis discards messages when its memory is full. Set maxmemory-policy noeviction in "
    "redis.conf. (No work is lost, but it is delayed until it is published again.)"
)


def _workers(context: Context) -> list[Check]:
    served = _served_queues(context)
    if not served and context.settings.is_embedded:
        return [checked("workers", lambda: _embedded(context))]
    return [
        Check(queue.value, True, phrase("Worker for {queue} running.", queue=queue.value))
        if queue.value in served
        else Check(
            queue.value,
            False,
            phrase(
                "No worker for {queue} is running. Start one: `rollcall worker --queue {queue}`.",
                queue=queue.value,
            ),
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
        raise Unwell(
            phrase(
                "`rollcall up` does not answer at {host}:{port}, so no scheduled run starts. Start it, "
                "or set ROLLCALL_API_PORT if it listens on another port.",
                host=host,
                port=port,
            )
        ) from error
    return phrase("The workers run in the `rollcall up` process at {host}:{port}.", host=host, port=port)


def _scheduler(context: Context) -> str:
    if not leases.is_held(context.database, SCHEDULER):
        raise Unwell(
            declared(
                "The scheduler is not running, so no scheduled run starts. Start one `rollcall beat` "
                "(`rollcall up` includes it). After a start it needs a minute."
            )
        )
    return declared("Scheduler running.")


def _settings(context: Context, site_ids: Sequence[str] | None) -> Iterator[Check]:
    with context.database.read() as session:
        sites = session.scalars(select(Site.id).order_by(Site.id)).all()
    for site_id in sites if site_ids is None else site_ids:
        yield checked(phrase("settings of {site_id}", site_id=site_id), partial(_complete, context, site_id))


def _live(context: Context, site_ids: Sequence[str] | None) -> Iterator[Check]:
    """The sites with live changes."""
    with context.database.read() as session:
        sites = session.scalars(select(Site.id).order_by(Site.id)).all()
    for site_id in sites if site_ids is None else site_ids:
        try:
            settings = context.site_settings(site_id).settings
        except RollcallError:
            # Said by the check of its settings.
            continue
        if settings.schedule.is_live:
            yield checked(
                phrase("live changes of {site_id}", site_id=site_id),
                partial(_watched, context, site_id, settings.directory_titles),
            )


def _watched(context: Context, site_id: str, titles: Mapping[str, str]) -> str:
    with context.database.read() as session:
        watches = watch_statuses(session, [site_id]).get(site_id, [])
    found = live_changes(watches, titles, datetime.now(UTC))
    if not found.is_well:
        raise Unwell(found.message)
    return found.message


def _phone_systems(context: Context, site_ids: Sequence[str] | None) -> Iterator[Check]:
    """The sites that manage another's phone system; nothing where each has one of its own."""
    with context.database.read() as session:
        found = read_sharing(session)
    for site_id, others in found.items():
        if site_ids is None:
            who = ", ".join(f"'{other}'" for other in others)
        elif site_id in site_ids:
            # Whoever asks for one site is told no other's name.
            who = declared("another site")
        else:
            continue
        yield Check(
            phrase("shared phone system of {site_id}", site_id=site_id),
            False,
            phrase(
                "It is also managed by {who}: each site may disable or delete the other's extensions. Give "
                "each site a phone system of its own, or put both directories into one site.",
                who=who,
            ),
        )


def _undelivered(context: Context, site_ids: Sequence[str] | None) -> Iterator[Check]:
    """The sites whose notifications, or whose audit, some receiver did not take."""
    with context.database.read() as session:
        failed, audit = failed_messages(session), unsent_audits(session)
    for site_id in sorted({*failed, *audit}):
        if site_ids is not None and site_id not in site_ids:
            continue
        name = phrase("notifications of {site_id}", site_id=site_id)
        if site_id in audit:
            yield Check(
                name, False, phrase("The audit is not sent to syslog. {reason}", reason=audit[site_id])
            )
        if site_id in failed:
            sentence = phrase(
                "{messages} could not be sent. See `rollcall notifications list --failed --site {site_id}`; correct the "
                "channel, then send again or discard.",
                messages=counted(failed[site_id], "message", "messages"),
                site_id=site_id,
            )
            yield Check(name, False, sentence)


def _complete(context: Context, site_id: str) -> str:
    with context.database.read() as session:
        site = store.read(session, site_id, context.encryption).settings
    check_ready(site)
    missing = [
        phrase("the password for {title}", title=directory.title)
        for directory in site.all_directories
        if directory.authentication is not Authentication.KERBEROS
        and not directory.password.get_secret_value()
    ]
    if not site.phone_system.client_secret.get_secret_value():
        missing.append(declared("the key of the phone system's API client"))
    if missing:
        raise SettingsInvalid(
            phrase("Not configured yet: {missing}. Enter it in the settings.", missing=listed(missing))
        )
    return declared("The directory and the phone system are configured.")


def _clock(context: Context) -> str:
    with context.database.read() as session:
        newest = session.scalar(select(Event.occurred_at).order_by(Event.id.desc()).limit(1))
    now = datetime.now(UTC)
    if newest is not None and newest > now + CLOCK_TOLERANCE:
        raise Unwell(
            phrase(
                "The newest entry of the Log is of {newest} UTC, which this computer's clock ({now} UTC) has "
                "not reached. Set the clocks of all hosts by NTP.",
                newest=f"{newest:%Y-%m-%d %H:%M}",
                now=f"{now:%Y-%m-%d %H:%M}",
            )
        )
    return phrase("It is {now} UTC.", now=f"{now:%Y-%m-%d %H:%M}")


def _disk(context: Context) -> str:
    try:
        free = shutil.disk_usage(context.settings.data).free
    except OSError as error:
        raise Unwell(
            phrase(
                "The data folder {data} cannot be read ({reason}). Create it, or set ROLLCALL_DATA.",
                data=context.settings.data,
                reason=error.strerror,
            )
        ) from error
    if not os.access(context.settings.data, os.W_OK):
        raise Unwell(
            phrase(
                "The data folder {data} cannot be written to by this user. Give it to the user that Rollcall "
                "runs as, or set ROLLCALL_DATA.",
                data=context.settings.data,
            )
        )
    megabytes = free // (1024 * 1024)
    if free < _LEAST_FREE_BYTES:
        raise Unwell(
            phrase(
                "Only {megabytes} MB are free in {data}. Free some space.",
                megabytes=megabytes,
                data=context.settings.data,
            )
        )
    return phrase("{megabytes} MB are free in {data}.", megabytes=megabytes, data=context.settings.data)


def _versions() -> str:
    return phrase(
        "Rollcall {installed_version} on Python {python_version}, {system}.",
        installed_version=installed_version(),
        python_version=platform.python_version(),
        system=platform.system(),
    )
